import { expect, test } from 'vitest';
import { bytesSource } from '../../bytes/byte-source.ts';
import { buildBatch } from '../../types/column-builder.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { KeyValueBatch } from '../../types/row-batch.ts';
import type { TableSchema } from '../table-schema.ts';
import { parseType } from '../type-text.ts';
import { fromPhysical, keyValueReadFields, keyValueRowType, toPhysical } from './data-file-layout.ts';
import { openParquet } from './reader.ts';
import { createParquetWriter } from './writer.ts';

const columns: readonly (readonly [number, string, string])[] = [
  [0, 'day', 'DATE NOT NULL'],
  [3, 'id', 'BIGINT NOT NULL'],
  [4, 'name', 'STRING'],
];

const schema: TableSchema = {
  version: 3,
  id: 0,
  fields: columns.map(([id, name, type]) => ({
    id,
    name,
    type: parseType(type),
    description: undefined,
    defaultValue: undefined,
  })),
  highestFieldId: 4,
  partitionKeys: ['day'],
  primaryKeys: ['day', 'id'],
  options: {},
  comment: undefined,
  timeMillis: 0,
  extra: {},
};

const batch: KeyValueBatch = {
  rows: buildBatch({ fields: schema.fields }, [
    [19_000, 1n, 'a'],
    [19_000, 2n, null],
  ]),
  sequenceNumbers: new BigInt64Array([7n, 2n ** 62n]),
  kinds: new Int8Array([0, 3]),
};

test('a data file has the trimmed key, sequence number, kind and all columns, with their ids', () => {
  expect(keyValueRowType(schema, false).fields.map(({ id, name, type }) => [id, name, type.nullable])).toEqual([
    [1_073_741_826, '_KEY_id', false],
    [2_147_483_646, '_SEQUENCE_NUMBER', false],
    [2_147_483_645, '_VALUE_KIND', false],
    [0, 'day', false],
    [3, 'id', false],
    [4, 'name', true],
  ]);
});

test('in thin mode the key columns are left out', () => {
  expect(keyValueRowType(schema, true).fields.map(({ name }) => name)).toEqual([
    '_SEQUENCE_NUMBER',
    '_VALUE_KIND',
    'day',
    'id',
    'name',
  ]);
});

test.each([true, false])('rows go through a file and come back, thin %s', async thin => {
  const physical = toPhysical(batch, schema, thin);
  const writer = createParquetWriter({ rowType: physical.rowType, compression: 'zstd' });
  await writer.append(physical);
  const { bytes } = await writer.finish();
  const file = await openParquet(bytesSource(bytes), 'test.parquet');
  const found: KeyValueBatch[] = [];
  const fields = keyValueReadFields(schema.fields.slice(1));
  for await (const read of file.read({ fields })) found.push(fromPhysical(read));
  expect(found).toHaveLength(1);
  const [only] = found;
  expect(only?.sequenceNumbers).toEqual(batch.sequenceNumbers);
  expect(only?.kinds).toEqual(batch.kinds);
  expect(only === undefined ? [] : rowsOf(only.rows)).toEqual([
    [1n, 'a'],
    [2n, null],
  ]);
});
