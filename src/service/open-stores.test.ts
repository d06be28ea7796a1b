// What stores are opened with.
import { expect, test } from 'vitest';
import { logSettings } from './open-stores.ts';

test('whether conditional PUT works is tried once of a bucket that has the warehouse and the log', () => {
  const s3 = { endpoint: 'http://127.0.0.1:9000', conditionalPutProbe: 'always' } as const;
  const probe = (log: string, warehouse: string): unknown =>
    logSettings(log, { warehouse, log, s3 }).stores?.s3?.conditionalPutProbe;
  expect(probe('s3://lake/log', 's3://lake/warehouse')).toBe('never');
  expect(probe('s3://lake/log', 's3://other/warehouse')).toBe('always');
  expect(probe('s3://lake/log', 'file:/data/lake')).toBe('always');
  expect(probe('kinesis://lake', 's3://lake/warehouse')).toBe('always');
});
