/** Failures as answers of HTTP: a status for programs that know HTTP, a code for those that know Tidelake. */
import { isLakeError, type LakeErrorKind } from '../../base/errors.ts';

export type Failure = {
  readonly status: number;
  readonly code: string;
  readonly message: string;
};

const statusOfKind: Readonly<Record<LakeErrorKind, number>> = {
  invalid: 400,
  unsupported: 400,
  conflict: 409,
  fenced: 409,
  unavailable: 503,
  corrupt: 500,
};

const statusOfCode: Readonly<Record<string, number>> = {
  LAKE_BRANCH_NOT_FOUND: 404,
  LAKE_DATABASE_NOT_FOUND: 404,
  LAKE_LOG_GAP: 410,
  LAKE_MEDIA_TYPE: 415,
  LAKE_METHOD_NOT_ALLOWED: 405,
  LAKE_PATH_NOT_FOUND: 404,
  LAKE_REQUEST_TOO_LARGE: 413,
  LAKE_RESULT_TOO_LARGE: 413,
  LAKE_RESUME_EXPIRED: 410,
  LAKE_ROW_TOO_LARGE: 413,
  LAKE_SNAPSHOT_EXPIRED: 410,
  LAKE_SNAPSHOT_NOT_FOUND: 404,
  LAKE_SQL_DENIED: 403,
  LAKE_TABLE_NOT_FOUND: 404,
  LAKE_TIMEOUT: 504,
  LAKE_WATCH_TOO_LARGE: 413,
};

/**
 * Faults of whoever has set the function up: no caller can mend them, and what they say (roles, accounts, keys of objects) is
 * for the function's log.
 */
const setUpFaults: ReadonlySet<string> = new Set([
  'LAKE_BAD_SETTINGS',
  'LAKE_LOG_DENIED',
  'LAKE_LOG_NOT_FOUND',
  'LAKE_NO_WAREHOUSE',
  'LAKE_STORE_DENIED',
  'LAKE_STORE_NOT_FOUND',
  'LAKE_STORE_NO_CONDITIONAL_PUT',
  'LAKE_STORE_REFUSED',
]);

/** What a failure is to a caller. Bugs say nothing of their inside. */
export function failureOf(error: unknown): Failure {
  if (isLakeError(error)) {
    const { code, kind, message } = error;
    if (setUpFaults.has(code)) {
      return { status: 500, code, message: 'the function is not set up as it must be; its log has what is wrong' };
    }
    return { status: statusOfCode[code] ?? statusOfKind[kind], code, message };
  }
  return { status: 500, code: 'LAKE_INTERNAL', message: 'internal error; the log of the function has it' };
}

/** `{"error":{"code":…,"message":…}}` */
export function failureJson({ code, message }: Failure): string {
  return JSON.stringify({ error: { code, message } });
}
