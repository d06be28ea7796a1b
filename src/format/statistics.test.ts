import { expect, test } from 'vitest';
import { decodeStatistics, encodeStatistics, type TableStatistics } from './statistics.ts';

const whole: TableStatistics = {
  snapshotId: 3,
  schemaId: 1,
  mergedRecordCount: 9_007_199_254_740_993n,
  mergedRecordSize: 12n,
  columns: new Map([
    ['v', { columnId: 1, distinctCount: 2n, min: 'a', max: 'b', nullCount: 1n, averageLength: 1n, maxLength: 1n }],
    [
      'nested',
      {
        columnId: 2,
        distinctCount: undefined,
        min: undefined,
        max: undefined,
        nullCount: 0n,
        averageLength: undefined,
        maxLength: undefined,
      },
    ],
  ]),
};

test('statistics come back as they were, a long beyond 53 bits among them', () => {
  expect(decodeStatistics(encodeStatistics(whole), 's')).toEqual(whole);
});

test('what is not known is left out of the file', () => {
  expect(JSON.parse(Buffer.from(encodeStatistics(whole)).toString()).colStats.nested).toEqual({
    colId: 2,
    nullCount: 0,
  });
});

test('a file as Paimon writes it is read, and its nulls are what is not known', () => {
  const text = `{ "snapshotId" : 1, "schemaId" : 0, "mergedRecordCount" : null, "colStats" : { "v" : { "colId" : 1, "min" : null } } }`;
  const { mergedRecordCount, mergedRecordSize, columns } = decodeStatistics(Buffer.from(text), 's');
  expect([mergedRecordCount, mergedRecordSize, columns.get('v')?.min]).toEqual([undefined, undefined, undefined]);
});

test.each([
  ['{}', 'snapshotId'],
  ['{"snapshotId":1,"schemaId":-1}', 'schemaId'],
  ['{"snapshotId":1,"schemaId":0,"mergedRecordCount":"20"}', 'mergedRecordCount'],
  ['{"snapshotId":1,"schemaId":0,"colStats":[]}', 'colStats'],
  ['{"snapshotId":1,"schemaId":0,"colStats":{"v":1}}', 'column v'],
  ['{"snapshotId":1,"schemaId":0,"colStats":{"v":{"colId":1,"max":5}}}', 'max'],
  ['[1]', 'JSON object'],
])('%s is told to be corrupt', (text, what) => {
  expect(() => decodeStatistics(Buffer.from(text), 'the file')).toThrow(
    expect.objectContaining({ code: 'LAKE_CORRUPT_STATISTICS', message: expect.stringContaining(what) }),
  );
});
