/** What callers over HTTP are told of failures, and what they are not. */
import { expect, test } from 'vitest';
import { invalid, LakeError } from '../../base/errors.ts';
import { logDenied } from '../../storage/log-errors.ts';
import { storeDenied, storeNotFound } from '../../storage/store-errors.ts';
import { failureOf } from './failures.ts';

test('what a caller has done wrong is said to the caller', () => {
  expect(failureOf(invalid('LAKE_SQL_SYNTAX', 'line 1'))).toEqual({
    status: 400,
    code: 'LAKE_SQL_SYNTAX',
    message: 'line 1',
  });
  expect(failureOf(new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', 'later')).status).toBe(503);
});

test('roles, accounts and keys of objects are not: no caller can mend how the function is set up', () => {
  const told = 'User: arn:aws:sts::123456789012:assumed-role/lake-QueryRole is not authorized to perform: s3:GetObject';
  const faults = [
    storeDenied('s3://lake/db.db/t/secret', new Error(told), 's3:GetObject'),
    logDenied('kinesis://log', new Error(told), 'kinesis:GetRecords'),
    storeNotFound('s3://lake', 'the bucket'),
    new TypeError('secret'),
  ];
  for (const fault of faults) {
    const { status, code, message } = failureOf(fault);
    expect(status).toBe(500);
    expect(code).toBe(fault instanceof LakeError ? fault.code : 'LAKE_INTERNAL');
    expect(message).not.toMatch(/arn:|secret|123456789012|s3:|lake\b/);
  }
});
