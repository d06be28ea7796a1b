import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryScalar, nestedTypes, rowTypeOf, sampleTypes } from '../../../test/arbitrary-rows.ts';
import { sampleRowType, sampleSchema } from '../../../test/fuzz/sample-rows.ts';
import { bytesSource } from '../../bytes/byte-source.ts';
import { canonicalRow } from '../../types/canonical-json.ts';
import { buildBatch } from '../../types/column-builder.ts';
import { rowsOf } from '../../types/column-reader.ts';
import { type DataField, type DataType, type RowType, withNullable } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { avroFormat, encodeAvro } from '../avro.ts';
import { readContainer } from '../avro-container.ts';
import type { DataFileReadOptions } from '../data-file-content.ts';
import { keyValueRowType } from '../parquet/data-file-layout.ts';
import type { FileCompression } from '../table-options.ts';
import { parseType } from '../type-text.ts';
import { openAvroData } from './reader.ts';
import { avroRecordType, fitsAvro } from './record-type.ts';
import { createAvroDataWriter } from './writer.ts';

const types: readonly DataType[] = [...sampleTypes, ...nestedTypes].filter(type => fitsAvro(rowTypeOf([type])));
const rowType = rowTypeOf(types);

async function write(type: RowType, rows: readonly Scalar[][], compression: FileCompression): Promise<Uint8Array> {
  const writer = createAvroDataWriter({ rowType: type, compression }, 'f.avro');
  await writer.append(buildBatch(type, rows));
  const { bytes, rowCount } = await writer.finish();
  expect(rowCount).toBe(rows.length);
  return bytes;
}

async function read(bytes: Uint8Array, options: DataFileReadOptions): Promise<Scalar[][]> {
  const file = await openAvroData(bytesSource(bytes), 'f.avro');
  const rows: Scalar[][] = [];
  for await (const batch of file.read(options)) {
    expect(batch.rowCount).toBeLessThanOrEqual(options.batchRowsMax ?? batch.rowCount);
    rows.push(...rowsOf(batch));
  }
  return rows;
}

/** Whole milliseconds and microseconds: what the type can hold. */
function held(value: Scalar, type: DataType): Scalar {
  if (type.kind === 'timestamp' || type.kind === 'timestamp-ltz') {
    const unit = type.precision <= 3 ? 1_000_000n : 1_000n;
    return typeof value === 'bigint' ? value - (((value % unit) + unit) % unit) : value;
  }
  return value;
}

test.each(['zstd', 'gzip', 'snappy', 'none'] as const)(
  'rows of every type come back, compression %s',
  async compression => {
    expect(types.length).toBeGreaterThan(30);
    const arbitraryRow = fc.tuple(...types.map(type => arbitraryScalar(type).map(value => held(value, type))));
    await fc.assert(
      fc.asyncProperty(fc.array(arbitraryRow, { maxLength: 20 }), async rows => {
        const bytes = await write(rowType, rows, compression);
        expect(await read(bytes, { fields: rowType.fields, batchRowsMax: 7 })).toEqual(rows);
      }),
      { numRuns: 60 },
    );
  },
);

const fieldOf = (name: string, type: string): DataField => ({
  id: 0,
  name,
  type: parseType(type),
  description: undefined,
  defaultValue: undefined,
});

test('columns are found by name; one that is not there is null', async () => {
  const written = { fields: [fieldOf('a', 'INT'), fieldOf('b', 'STRING'), fieldOf('c', 'BIGINT')] };
  const bytes = await write(
    written,
    [
      [1, 'x', 2n],
      [null, null, null],
    ],
    'zstd',
  );
  const fields = [fieldOf('c', 'BIGINT'), fieldOf('gone', 'STRING'), fieldOf('a', 'INT')];
  expect(await read(bytes, { fields })).toEqual([
    [2n, null, 1],
    [null, null, null],
  ]);
  expect(await read(bytes, { fields, rowGroups: [] })).toEqual([]);
});

test('a file of many blocks is read block by block', async () => {
  const written = { fields: [fieldOf('id', 'INT'), fieldOf('text', 'STRING')] };
  const rows = Array.from({ length: 20_000 }, (_, row): Scalar[] => [row, `${row} `.repeat(20)]);
  const bytes = await write(written, rows, 'none');
  expect(bytes.length).toBeGreaterThan(1_000_000);
  expect(await read(bytes, { fields: written.fields, batchRowsMax: 4_096 })).toEqual(rows);
});

test.each([
  ['STRING', 'string', 'text', 'INT'],
  ['INT', 'number', '300', 'TINYINT'],
  ['BIGINT', 'number', '5', 'BOOLEAN'],
  ['INT', 'undefined', 'null', 'INT NOT NULL'],
] as const)('a column that holds %s is none of type %s', async (held, _kind, shown, wanted) => {
  const value: Scalar = held === 'STRING' ? 'text' : shown === 'null' ? null : held === 'BIGINT' ? 5n : 300;
  const bytes = await write({ fields: [fieldOf('c', held)] }, [[value]], 'zstd');
  await expect(read(bytes, { fields: [fieldOf('c', wanted)] })).rejects.toMatchObject({
    code: 'LAKE_CORRUPT_AVRO',
    message: expect.stringContaining(shown),
  });
});

test('a decimal that has more digits than its column is corrupt', async () => {
  const bytes = await write({ fields: [fieldOf('c', 'DECIMAL(5, 1)')] }, [[99_999n]], 'zstd');
  expect(await read(bytes, { fields: [fieldOf('c', 'DECIMAL(5, 1)')] })).toEqual([[99_999n]]);
  await expect(read(bytes, { fields: [fieldOf('c', 'DECIMAL(4, 1)')] })).rejects.toMatchObject({
    code: 'LAKE_CORRUPT_AVRO',
  });
});

test.each([
  [fieldOf('c', 'TIME(6)'), 'TIME(6)'],
  [fieldOf('c', 'TIMESTAMP(9)'), 'TIMESTAMP(9)'],
  [fieldOf('a b', 'INT'), '`a b`'],
])('what Avro cannot hold is refused by name', (field, named) => {
  expect(fitsAvro({ fields: [field] })).toBe(false);
  expect(() => avroRecordType({ fields: [field] }, 'table t')).toThrow(named);
});

test('records that would be called alike do not fit: the names of nested ones are paths', () => {
  const row = (fields: Record<string, unknown>) => ({
    type: 'ROW',
    fields: Object.entries(fields).map(([name, type], id) => ({ id, name, type })),
  });
  const typed = (fields: Record<string, unknown>) => ({
    fields: [{ ...fieldOf('c', 'INT'), type: parseType(JSON.parse(JSON.stringify(row(fields)))) }],
  });
  expect(fitsAvro(typed({ a: row({ b: row({ x: 'INT' }) }), ab: row({ y: 'INT' }) }))).toBe(true);
  expect(fitsAvro(typed({ a: row({ b: row({ x: 'INT' }) }), a_b: row({ y: 'INT' }) }))).toBe(false);
});

test('a map whose entries are no pairs is corrupt', async () => {
  const list = { type: 'array', items: 'int' };
  const schema = { type: 'record', name: 'record', fields: [{ name: 'c', type: list }] };
  const bytes = encodeAvro(avroFormat(schema), [{ c: [1] }], 'null');
  await expect(read(bytes, { fields: [fieldOf('c', 'STRING')] })).rejects.toMatchObject({ code: 'LAKE_CORRUPT_AVRO' });
  const map = { ...fieldOf('c', 'STRING'), type: parseType({ type: 'MAP', key: 'INT', value: 'INT' }) };
  await expect(read(bytes, { fields: [map] })).rejects.toMatchObject({ code: 'LAKE_CORRUPT_AVRO' });
});

const fixtures = new URL('fixtures/', import.meta.url);
const sampleFields = sampleRowType.fields.filter(field => fitsAvro({ fields: [field] }));

test.each(['keyed', 'append', 'uncompressed'])('%s: a file of Paimon reads as Paimon reads it', async name => {
  const bytes = readFileSync(new URL(`${name}.avro`, fixtures));
  const expected = readFileSync(new URL(`${name}.jsonl`, fixtures), 'utf8')
    .trimEnd()
    .split('\n');
  const file = await openAvroData(bytesSource(bytes), name);
  const lines: string[] = [];
  for await (const batch of file.read({ fields: sampleFields })) {
    const print = canonicalRow(batch);
    for (let row = 0; row < batch.rowCount; row += 1) lines.push(print(row));
  }
  expect(lines.toSorted()).toEqual(expected);
});

test('the record is described as Paimon describes it', () => {
  const { schemaText } = readContainer(readFileSync(new URL('uncompressed.avro', fixtures)), 'f');
  const fields = sampleFields.map(field =>
    field.name === 'c4' ? { ...field, type: withNullable(field.type, false) } : field,
  );
  const schema = { ...sampleSchema, fields };
  expect(JSON.stringify(avroRecordType(keyValueRowType(schema, false), 'f'))).toBe(schemaText);
});
