// What is encoded here is decoded by parquet-wasm, bit for bit, and its bounds and counts leave out no value.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryScalar, rowTypeOf, sampleTypes } from '../../../../test/arbitrary-rows.ts';
import { bytesSource } from '../../../bytes/byte-source.ts';
import { bitAt, makeColumn } from '../../../types/column-buffers.ts';
import { buildBatch } from '../../../types/column-builder.ts';
import { columnReader } from '../../../types/column-reader.ts';
import { compareScalars } from '../../../types/compare.ts';
import type { DataType } from '../../../types/data-type.ts';
import type { ColumnRange } from '../../../types/prune.ts';
import { type Column, makeRowBatch, type RowBatch, sliceBatch } from '../../../types/row-batch.ts';
import type { Scalar } from '../../../types/scalar.ts';
import { parseType } from '../../type-text.ts';
import { openParquet } from '../reader.ts';
import { type DecodedColumn, parquetCodec, type ValueLayout } from '../wasm-door.ts';
import { createParquetWriter } from '../writer.ts';

type Sample = {
  readonly type: string;
  readonly layout: ValueLayout;
  /** A column of bytes that look like chance, where `spread` says how many different values there are. */
  readonly values: (length: number, random: (max: number) => number) => Partial<Parameters<typeof makeColumn>[2]>;
};

function words(length: number, perValue: number, random: (max: number) => number, spread: number): Int32Array {
  const pool = Int32Array.from({ length: perValue * Math.min(spread, length) }, () => random(2 ** 32) | 0);
  const out = new Int32Array(length * perValue);
  for (let i = 0; i < length; i += 1) {
    const from = random(Math.min(spread, length)) * perValue;
    out.set(pool.subarray(from, from + perValue), i * perValue);
  }
  return out;
}

const spreads = [1, 3, 100, 1_000_000];
const spreadOf = (random: (max: number) => number): number => spreads[random(spreads.length)] ?? 1;

const samples: readonly Sample[] = [
  { type: 'INT', layout: 4, values: (n, r) => ({ values: words(n, 1, r, spreadOf(r)) }) },
  { type: 'DATE', layout: 4, values: (n, r) => ({ values: Int32Array.from({ length: n }, (_, i) => i * 3 + r(3)) }) },
  { type: 'FLOAT', layout: 4, values: (n, r) => ({ values: new Float32Array(words(n, 1, r, spreadOf(r)).buffer) }) },
  { type: 'DOUBLE', layout: 8, values: (n, r) => ({ values: new Float64Array(words(n, 2, r, spreadOf(r)).buffer) }) },
  { type: 'BIGINT', layout: 8, values: (n, r) => ({ values: new BigInt64Array(words(n, 2, r, spreadOf(r)).buffer) }) },
  {
    type: 'TIMESTAMP(3)',
    layout: 8,
    values: (n, r) => ({ values: BigInt64Array.from({ length: n }, (_, i) => BigInt(i * 1000 + r(1000)) - 5000n) }),
  },
  {
    type: 'BOOLEAN',
    layout: 'bits',
    values: (n, r) => ({ values: Uint8Array.from({ length: (n + 7) >> 3 }, () => r(256)) }),
  },
  { type: 'STRING', layout: 'offsets', values: (n, r) => texts(n, r, spreadOf(r), 128) },
  { type: 'BYTES', layout: 'offsets', values: (n, r) => texts(n, r, spreadOf(r), 256) },
];

function texts(
  length: number,
  random: (max: number) => number,
  spread: number,
  byteMax: number,
): { values: Uint8Array; valueOffsets: Int32Array } {
  const pool = Array.from({ length: Math.min(spread, length + 1) }, () =>
    Uint8Array.from({ length: random(4) * random(9) }, () => random(byteMax)),
  );
  const parts = Array.from({ length }, () => pool[random(pool.length)] ?? new Uint8Array());
  let end = 0;
  return {
    valueOffsets: Int32Array.from([0, ...parts.map(part => (end += part.length))]),
    values: Buffer.concat(parts),
  };
}

function randomOf(seed: number): (max: number) => number {
  let state = seed | 1;
  return max => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % max;
  };
}

function batchOf(length: number, seed: number, nullsIn: number): RowBatch {
  const random = randomOf(seed);
  const types = samples.map(({ type }) => ({ ...parseType(type), nullable: nullsIn > 0 }) as DataType);
  const columns = samples.map(({ values }, at) => {
    // Long stretches, single nulls, all nulls.
    const bits = new Uint8Array((length + 7) >> 3).fill(nullsIn === 1 ? 0 : 0xff);
    for (let row = 0; nullsIn > 1 && row < length; row += 1) {
      const isNull = row % 700 < 300 ? random(nullsIn) === 0 : at % 2 === 0 && row % 1400 < 700;
      if (isNull) bits[row >> 3] = (bits[row >> 3] ?? 0) & ~(1 << (row & 7));
    }
    const buffers = { values: new Uint8Array(), ...values(length, random) };
    return makeColumn(types[at] as DataType, length, nullsIn === 0 ? buffers : { ...buffers, nullBitmap: bits });
  });
  const fields = types.map((type, id) => ({
    id,
    name: `c${id}`,
    type,
    description: undefined,
    defaultValue: undefined,
  }));
  return makeRowBatch({ fields }, length, columns);
}

/** Bits of each value; undefined for nulls. */
function bitsOf(column: Column | DecodedColumn, layout: ValueLayout): (string | number | undefined)[] {
  const nulls = column.nullBitmap as Uint8Array | undefined;
  const all = column.values as Uint8Array;
  const bytes = new Uint8Array(all.buffer, all.byteOffset, all.byteLength);
  const offsets = column.valueOffsets as Int32Array | undefined;
  return Array.from({ length: column.length }, (_, row) => {
    if (nulls !== undefined && nulls.length > 0 && bitAt(nulls, row) === 0) return undefined;
    if (layout === 'bits') return bitAt(bytes, row);
    const from = typeof layout === 'number' ? row * layout : (offsets?.[row] ?? 0);
    const to = typeof layout === 'number' ? from + layout : (offsets?.[row + 1] ?? 0);
    return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('hex');
  });
}

async function expectDecoded(batch: RowBatch, parts: readonly RowBatch[], withoutDeltas: boolean): Promise<void> {
  const writer = createParquetWriter({ rowType: batch.rowType, compression: 'none', withoutDeltas });
  for (const part of parts) await writer.append(part);
  const { bytes } = await writer.finish();
  const wasm = await parquetCodec();
  const decoded = wasm.decode(
    bytes,
    batch.rowCount,
    samples.map(({ layout }) => layout),
  );
  for (const [at, { layout, type }] of samples.entries()) {
    const [ours, theirs] = [batch.columns[at], decoded[at]];
    if (ours === undefined || theirs === undefined) throw new Error('a column');
    const read = bitsOf(theirs, layout);
    const different = bitsOf(ours, layout).findIndex((bits, row) => bits !== read[row]);
    expect([type, different, read.length]).toEqual([type, -1, ours.length]);
  }
  await expectBounded(batch, bytes);
}

/** Each value lies within the bounds of its row group and of its page, and nulls are counted. */
async function expectBounded(batch: RowBatch, bytes: Uint8Array): Promise<void> {
  const file = await openParquet(bytesSource(bytes), 'f.parquet');
  const { fields } = batch.rowType;
  let firstRow = 0;
  for (const [index, group] of file.rowGroups.entries()) {
    const pages = await file.pageContents?.(index, fields);
    for (const [at, { name, type }] of fields.entries()) {
      const column = batch.columns[at];
      if (column === undefined) throw new Error('a column');
      const valueAt = columnReader(column, type);
      const whole = { rows: { start: 0, end: group.rowCount }, range: group.columnRange(name, type) };
      for (const { rows, range } of [whole, ...(pages?.[at] ?? [])]) {
        const values = Array.from({ length: rows.end - rows.start }, (_, row) => valueAt(firstRow + rows.start + row));
        expect([name, range === undefined ? 0 : outside(values, range, type)]).toEqual([name, 0]);
      }
    }
    firstRow += group.rowCount;
  }
  expect(firstRow).toBe(batch.rowCount);
}

/** How many values the range leaves out. */
function outside(values: readonly Scalar[], { min, max, nullCount }: ColumnRange, type: DataType): number {
  const nulls = values.filter(value => value === null).length;
  if (nullCount !== undefined) expect(nullCount).toBe(nulls);
  const isOut = (value: Scalar): boolean =>
    value !== null &&
    ((min !== null && compareScalars(type, value, min) < 0) || (max !== null && compareScalars(type, value, max) > 0));
  return values.filter(isOut).length;
}

test('values of each type, with and without nulls, are what the wasm reads', async () => {
  const length = fc.oneof(fc.constantFrom(1, 2, 7, 8, 9, 31, 32, 33, 128, 129, 130), fc.integer({ min: 1, max: 1000 }));
  const nullsIn = fc.constantFrom(0, 1, 2, 50);
  await fc.assert(
    fc.asyncProperty(
      length,
      fc.integer({ min: 1 }),
      nullsIn,
      fc.boolean(),
      async (rows, seed, nulls, withoutDeltas) => {
        const batch = batchOf(rows, seed, nulls);
        const cut = Math.floor(rows / 3);
        const parts = [sliceBatch(batch, 0, cut), sliceBatch(batch, cut, rows)].filter(part => part.rowCount > 0);
        await expectDecoded(batch, seed % 2 === 0 ? [batch] : parts, withoutDeltas);
      },
    ),
    { numRuns: 25 },
  );
});

test('pages of many rows are what the wasm reads', async () => {
  for (const nullsIn of [0, 3]) {
    const batch = batchOf(20_000, 77 + nullsIn, nullsIn);
    await expectDecoded(batch, [batch], false);
  }
});

test('strings that take more than a page, and nulls that have bytes', async () => {
  const type = parseType('BYTES');
  const lengths = [10, 700_000, 600_000, 3, 2_000_000, 0, 5];
  const values = Uint8Array.from({ length: lengths.reduce((sum, n) => sum + n, 0) }, (_, i) => (i * 31) >> 4);
  let end = 0;
  const valueOffsets = Int32Array.from([0, ...lengths.map(n => (end += n))]);
  const column = makeColumn(type, lengths.length, { values, valueOffsets, nullBitmap: Uint8Array.of(0b1111_0101) });
  const fields = [{ id: 0, name: 'c', type, description: undefined, defaultValue: undefined }];
  const writer = createParquetWriter({ rowType: { fields }, compression: 'none' });
  await writer.append(makeRowBatch({ fields }, lengths.length, [column]));
  const { bytes } = await writer.finish();
  const [decoded] = (await parquetCodec()).decode(bytes, lengths.length, ['offsets']);
  if (decoded === undefined) throw new Error('a column');
  expect(bitsOf(decoded, 'offsets')).toEqual(bitsOf(column, 'offsets'));
});

/** Of each type some that bounds are easily wrong about. */
const edges: readonly Scalar[] = [
  '',
  '\u{feff}mark',
  'x'.repeat(64),
  `${'x'.repeat(64)}y`,
  `${'ä'.repeat(40)}z`,
  '\u{10ffff}'.repeat(20),
  -0,
  0,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
];

function edgesOf(type: DataType): readonly Scalar[] {
  if (type.kind === 'varchar') return edges.filter(value => typeof value === 'string');
  if (type.kind === 'varbinary') return [new Uint8Array(), new Uint8Array(70).fill(0xff), new Uint8Array(70).fill(7)];
  return type.kind === 'float' || type.kind === 'double' ? edges.filter(value => typeof value === 'number') : [];
}

/** Each type's values in pages of 16,384 rows: few that come often, nulls only, and many. */
function pagesOf(types: readonly DataType[], seed: number): RowBatch {
  const pageRows = 16_384;
  const random = randomOf(seed);
  const pools = types.map((type, at) => {
    const drawn = fc.sample(arbitraryScalar({ ...type, nullable: false }), { seed: seed + at, numRuns: 400 });
    return [...edgesOf(type), ...drawn].filter(value => !Number.isNaN(value));
  });
  const rows = Array.from({ length: 2 * pageRows + 3_000 }, (_, row) =>
    pools.map(pool => {
      if ((row >= pageRows && row < 2 * pageRows) || random(9) === 0) return null;
      return pool[random(row < pageRows ? 7 : pool.length)] ?? null;
    }),
  );
  return buildBatch(rowTypeOf(types), rows);
}

test('bounds of each type hold all values of their pages, and pages of nulls have none', async () => {
  const types = sampleTypes.filter(type => hasBounds(type));
  const batch = pagesOf(types, 20_241);
  const writer = createParquetWriter({ rowType: batch.rowType, compression: 'none' });
  await writer.append(batch);
  const { bytes } = await writer.finish();
  await expectBounded(batch, bytes);
  const file = await openParquet(bytesSource(bytes), 'f.parquet');
  const pages = (await file.pageContents?.(0, batch.rowType.fields)) ?? [];
  for (const [at, { kind }] of types.entries()) {
    const known = pages[at]?.map(({ range }) => (range?.min ?? null) !== null && (range?.max ?? null) !== null);
    expect([kind, known]).toEqual([kind, [true, false, true]]);
    expect(pages[at]?.[1]?.range?.nullCount).toBe(16_384);
  }
});

/** INT96 has none. */
function hasBounds(type: DataType): boolean {
  return !((type.kind === 'timestamp' || type.kind === 'timestamp-ltz') && type.precision > 6);
}
