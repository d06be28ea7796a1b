import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { bytesSource } from '../../bytes/byte-source.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { DataField, DataType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { parseType } from '../type-text.ts';
import { openParquet } from './reader.ts';

type Written = { readonly name: string; readonly type: string; readonly values: readonly (string | null)[] };

const fixtures = new URL('./fixtures/', import.meta.url);
const columns: readonly Written[] = JSON.parse(readFileSync(new URL('pyarrow-encodings.json', fixtures), 'utf8'));
const fields: readonly DataField[] = columns.map(({ name, type }, id) => {
  return { id, name, type: parseType(type), description: undefined, defaultValue: undefined };
});

function scalarOf(text: string | null, { kind }: DataType): Scalar {
  if (text === null) return null;
  switch (kind) {
    case 'boolean':
      return text === 'true';
    case 'bigint':
    case 'decimal':
      return BigInt(text);
    case 'varchar':
      return text;
    case 'varbinary':
      return new Uint8Array(Buffer.from(text, 'hex'));
    default:
      return Number(text);
  }
}

test.each(['pyarrow-encodings-v1', 'pyarrow-encodings-v2'])(
  'every encoding of every type is read as pyarrow wrote it: %s',
  async name => {
    const file = await openParquet(bytesSource(readFileSync(new URL(`${name}.parquet`, fixtures))), name);
    const rows: (readonly Scalar[])[] = [];
    for await (const batch of file.read({ fields })) rows.push(...rowsOf(batch));
    expect(columns).toHaveLength(29);
    for (const [index, { name: column, values }] of columns.entries()) {
      const type = fields[index]?.type ?? { kind: 'int', nullable: true };
      expect([column, rows.map(row => row[index])]).toEqual([column, values.map(text => scalarOf(text, type))]);
    }
  },
);
