import { expect, test } from 'vitest';
import type { DataField } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { escapePathName, partitionText, unescapePathName } from './partition-text.ts';
import {
  branchPath,
  bucketPath,
  changelogFileName,
  type DataLayout,
  dataFileName,
  dataFilePath,
  earliestHintPath,
  formatOfFileName,
  idOfName,
  indexManifestName,
  latestHintPath,
  manifestListName,
  manifestName,
  manifestPath,
  partitionPath,
  schemaPath,
  snapshotPath,
  tagPath,
} from './paths.ts';
import { parseTableOptions } from './table-options.ts';
import { parseType } from './type-text.ts';

function layoutOf(columns: Readonly<Record<string, string>>, partial: Partial<DataLayout> = {}): DataLayout {
  const partitionFields = Object.entries(columns).map(
    ([name, type], id): DataField => ({
      id,
      name,
      type: parseType(type),
      description: undefined,
      defaultValue: undefined,
    }),
  );
  return {
    partitionFields,
    partitions: { defaultName: '__DEFAULT_PARTITION__', legacyName: true },
    directory: undefined,
    ...partial,
  };
}

test('a bucket lies below its partition, in the order of the partition keys', () => {
  const layout = layoutOf({ dt: 'STRING', hh: 'INT' });
  expect(partitionPath(layout, ['2024-01-01', 5])).toBe('dt=2024-01-01/hh=5');
  expect(bucketPath(layout, ['2024-01-01', 5], 0)).toBe('dt=2024-01-01/hh=5/bucket-0');
  expect(bucketPath(layoutOf({}), [], 12)).toBe('bucket-12');
  expect(bucketPath(layoutOf({}), [], -2)).toBe('bucket-postpone');
  expect(dataFilePath(layout, ['a', 1], { bucket: 3, fileName: 'data-x-0.parquet' })).toBe(
    'dt=a/hh=1/bucket-3/data-x-0.parquet',
  );
});

test('the folder for data files comes before the partition', () => {
  expect(bucketPath(layoutOf({ p: 'INT' }, { directory: 'data' }), [1], 0)).toBe('data/p=1/bucket-0');
});

test('names and values are escaped as Paimon does, and only they', () => {
  const plain = 'a b~&+<>|$@!();,._-ü€😀';
  expect(escapePathName(plain)).toBe(plain);
  expect(escapePathName('"#%\'*/:=?\\{}[]^')).toBe('%22%23%25%27%2A%2F%3A%3D%3F%5C%7B%7D%5B%5D%5E');
  expect(escapePathName('\u0000\t\n\u001f\u007f\u0080')).toBe('%00%09%0A%1F%7F\u0080');
  expect(unescapePathName(escapePathName(`${plain}/\u0001=`))).toBe(`${plain}/\u0001=`);
  expect(unescapePathName('100%/%zz')).toBe('100%/%zz');
  expect(partitionPath(layoutOf({ 'a=b': 'STRING' }), ['x/y'])).toBe('a%3Db=x%2Fy');
});

test('null and blank values share the default name', () => {
  const layout = layoutOf({ p: 'STRING' }, { partitions: { defaultName: 'none', legacyName: true } });
  for (const value of [null, '', ' ', '\t\n']) expect(partitionPath(layout, [value])).toBe('p=none');
  expect(partitionPath(layout, ['\u00a0'])).toBe('p=\u00a0');
});

/** Type, value, and its text with the legacy names and with SQL's. */
const texts: readonly [string, Scalar, string, string][] = [
  ['STRING', 'x', 'x', 'x'],
  ['CHAR(5)', 'x', 'x', 'x'],
  ['INT', -5, '-5', '-5'],
  ['BIGINT', 9007199254740993n, '9007199254740993', '9007199254740993'],
  ['BOOLEAN', true, 'true', 'true'],
  ['DATE', 19724, '19724', '2024-01-02'],
  ['DATE', -1, '-1', '1969-12-31'],
  ['TIME(3)', 3723004, '3723004', '01:02:03.004'],
  ['TIME(0)', 3723000, '3723000', '01:02:03'],
  ['TIME(0)', 3723123, '3723123', '01:02:03'],
  ['TIME(1)', 3723003, '3723003', '01:02:03.0'],
  ['TIME(2)', 3723003, '3723003', '01:02:03.00'],
  ['TIME(2)', 3723123, '3723123', '01:02:03.12'],
  ['TIME(3)', 3723000, '3723000', '01:02:03.0'],
  ['TIME(3)', 3723120, '3723120', '01:02:03.12'],
  ['DECIMAL(5, 2)', 150n, '1.50', '1.50'],
  ['DECIMAL(10, 8)', -1n, '-0.00000001', '-0.00000001'],
  ['TIMESTAMP(3)', 1704164645000000000n, '2024-01-02T03:04:05', '2024-01-02 03:04:05.000'],
  ['TIMESTAMP(3)', 1704164645120000000n, '2024-01-02T03:04:05.120', '2024-01-02 03:04:05.120'],
  ['TIMESTAMP(6)', 1704164640000001000n, '2024-01-02T03:04:00.000001', '2024-01-02 03:04:00.000001'],
  ['TIMESTAMP(0)', 1704164640000000000n, '2024-01-02T03:04', '2024-01-02 03:04:00'],
  ['TIMESTAMP(9)', -1n, '1969-12-31T23:59:59.999999999', '1969-12-31 23:59:59.999999999'],
  ['DOUBLE', 1, '1.0', '1.0'],
  ['DOUBLE', -0, '-0.0', '-0.0'],
  ['DOUBLE', 0.001, '0.001', '0.001'],
  ['DOUBLE', 0.0001234, '1.234E-4', '1.234E-4'],
  ['DOUBLE', 1234567.5, '1234567.5', '1234567.5'],
  ['DOUBLE', 10000000, '1.0E7', '1.0E7'],
  ['DOUBLE', -1.5e300, '-1.5E300', '-1.5E300'],
  ['DOUBLE', 5e-324, '4.9E-324', '4.9E-324'],
  ['DOUBLE', Number.NaN, 'NaN', 'NaN'],
  ['DOUBLE', Number.NEGATIVE_INFINITY, '-Infinity', '-Infinity'],
  ['FLOAT', Math.fround(0.1), '0.1', '0.1'],
  ['FLOAT', Math.fround(3.4028235e38), '3.4028235E38', '3.4028235E38'],
  ['FLOAT', 100, '100.0', '100.0'],
];

test('values stand in paths as Java writes them', () => {
  for (const [type, value, legacy, sql] of texts) {
    const text = (legacyName: boolean): string =>
      partitionText(parseType(type), value, { legacyName, defaultName: 'none' });
    expect([type, text(true), text(false)]).toEqual([type, legacy, sql]);
  }
});

test('metadata lies where Paimon looks for it', () => {
  expect([schemaPath(0), snapshotPath(12), manifestPath('manifest-x-0'), tagPath('v1'), branchPath('dev')]).toEqual([
    'schema/schema-0',
    'snapshot/snapshot-12',
    'manifest/manifest-x-0',
    'tag/tag-v1',
    'branch/branch-dev',
  ]);
  expect([latestHintPath, earliestHintPath]).toEqual(['snapshot/LATEST', 'snapshot/EARLIEST']);
});

test('the number of a name is read from that kind of name only', () => {
  expect(idOfName('snapshot-12', 'snapshot')).toBe(12);
  expect(idOfName('db.db/t/schema/schema-0', 'schema')).toBe(0);
  const others = [
    'LATEST',
    'snapshot-',
    'snapshot-01',
    'snapshot-1x',
    '.snapshot-1.uuid.tmp',
    'snapshot--1',
    'schema-1',
  ];
  for (const name of others) expect(idOfName(name, 'snapshot')).toBeUndefined();
  expect(idOfName('snapshot-9999999999999999', 'snapshot')).toBeUndefined();
});

test('new files are named after their writer and a count', () => {
  const number = { uuid: 'u-u', count: 3 };
  const filesOf = (options: Readonly<Record<string, string>>) =>
    parseTableOptions({
      version: 3,
      id: 0,
      fields: [],
      highestFieldId: 0,
      partitionKeys: [],
      primaryKeys: [],
      options,
      comment: undefined,
      timeMillis: 0,
      extra: {},
    }).files;
  expect(dataFileName(filesOf({}), number)).toBe('data-u-u-3.parquet');
  expect(changelogFileName(filesOf({}), number)).toBe('changelog-u-u-3.parquet');
  const named = filesOf({
    'data-file.prefix': 'zz-',
    'file.suffix.include.compression': 'true',
    'file.compression.per.level': '5:gzip',
  });
  expect(dataFileName(named, number)).toBe('zz-u-u-3.zstd.parquet');
  expect(dataFileName(named, number, 5)).toBe('zz-u-u-3.gzip.parquet');
  expect(formatOfFileName('zz-u-u-3.zstd.Parquet')).toBe('parquet');
  expect(formatOfFileName('index-u')).toBe('');
  expect([manifestName(number), manifestListName(number), indexManifestName(number)]).toEqual([
    'manifest-u-u-3',
    'manifest-list-u-u-3',
    'index-manifest-u-u-3',
  ]);
});
