/** What DuckDB throws, as LakeErrors with its own words. It tells its kinds of errors apart by the first words only. */
import { LakeError, type LakeErrorCode, type LakeErrorKind } from '../base/errors.ts';

type Meaning = { readonly kind: LakeErrorKind; readonly code: LakeErrorCode };

const meanings: readonly (readonly [RegExp, Meaning])[] = [
  [
    /^(?!IO|Permission|Parser|Binder|Catalog)[^\n]*['"][^'"]*\.parquet['"]/,
    { kind: 'corrupt', code: 'LAKE_PARQUET_CORRUPT' },
  ],
  [/^Parser Error/, { kind: 'invalid', code: 'LAKE_SQL_SYNTAX' }],
  [/^(Binder|Catalog) Error/, { kind: 'invalid', code: 'LAKE_SQL_BINDER' }],
  [
    /^(Conversion|Out of Range|Invalid Input|Invalid Type|Mismatch Type|Constraint|Divide by Zero|Decimal) Error/,
    { kind: 'invalid', code: 'LAKE_SQL_VALUE' },
  ],
  [/^Not implemented Error/i, { kind: 'unsupported', code: 'LAKE_SQL_UNSUPPORTED' }],
  [/^Permission Error/, { kind: 'invalid', code: 'LAKE_SQL_DENIED' }],
  [/^Out of Memory Error/, { kind: 'unavailable', code: 'LAKE_SQL_MEMORY' }],
  [/^IO Error/, { kind: 'unavailable', code: 'LAKE_SQL_IO' }],
];

export function duckDbFailure(error: unknown): LakeError {
  if (error instanceof LakeError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const { kind, code } = meanings.find(([pattern]) => pattern.test(message))?.[1] ?? {
    kind: 'invalid',
    code: 'LAKE_SQL_FAILED',
  };
  return new LakeError(kind, code, message.trim(), { cause: error });
}
