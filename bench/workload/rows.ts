/**
 * The rows that every comparison works on, told by a seed and a key, the same in each language (peers/paimon/BenchRows.java):
 * 1M base rows, and ten runs of 100,000 updates that together supersede each of them once.
 *
 * A 32-bit generator `x = x * 1664525 + 1013904223` gives each value of a row, of which the first two are thrown away:
 *
 * | column | |
 * |---|---|
 * | id | BIGINT, the key |
 * | b1 b2 b3 | BIGINT: 32 bits at random, 42 bits at random, near `7 id` |
 * | s1 s2 s3 | STRING of 16 bytes: letters at random, one of 1,000 categories, one of 100,000 users |
 * | d1 d2 | DOUBLE: a fraction, an amount with two digits |
 * | ts | TIMESTAMP(3) within a year |
 */

export const baseRowCount = 1_000_000;
export const updateRowCount = 100_000;
export const updateRunCount = 10;
/** Of all rows when the updates are merged in, see `CheckSum`. */
export const mergedCheckSum = 2_150_037_603_970_686_350n;
/** Of all rows when the updates of the last tenth of the keys are. */
export const lastTenthCheckSum = 2_149_765_332_041_341_693n;
/** Of the base rows alone. */
export const baseCheckSum = 2_149_603_640_581_378_965n;

export const textBytes = 16;

/** Columns of rows in memory; texts are 16 bytes each, one after the other; times are milliseconds. */
export type WorkRows = {
  readonly count: number;
  readonly id: BigInt64Array;
  readonly b1: BigInt64Array;
  readonly b2: BigInt64Array;
  readonly b3: BigInt64Array;
  readonly s1: Uint8Array;
  readonly s2: Uint8Array;
  readonly s3: Uint8Array;
  readonly d1: Float64Array;
  readonly d2: Float64Array;
  readonly ts: BigInt64Array;
};

export type RowRange = {
  readonly seed: number;
  readonly start: number;
  readonly count: number;
  /** The key of the row at an index. */
  readonly idOf: (index: number) => number;
};

const encoder = new TextEncoder();
const letters = encoder.encode('abcdefghijklmnopqrstuvwxyz012345');
const categoryPrefix = encoder.encode('category-');
const userPrefix = encoder.encode('user-');
const firstMs = 1_700_000_000_000;
const secondsOfYear = 31_536_000;

/** Base rows `start` to `start + count`, in an order in which keys jump. @param total how many base rows there are */
export function baseRange(start: number, count: number, total: number = baseRowCount): RowRange {
  return { seed: 1, start, count, idOf: index => (index * 618_033) % total };
}

/** Rows of 10M, in an order in which keys jump all over. */
export function scatteredRange(start: number, count: number): RowRange {
  return baseRange(start, count, 10_000_000);
}

/** Of the same rows those with keys `part * count` to `(part + 1) * count`, in an order in which they jump. */
export function sortedPartRange(part: number, count: number): RowRange {
  return { seed: 1, start: 0, count, idOf: index => part * count + ((index * 618_033) % count) };
}

/** Rows of an update run, 0 to 9: one key of each ten. */
export function updateRange(run: number, start: number, count: number): RowRange {
  const idOf = (index: number): number => {
    const k = (index * 61_803) % updateRowCount;
    return k * 10 + ((k * 7 + run * 3) % 10);
  };
  return { seed: 1_000 + run, start, count, idOf };
}

/** Rows of an update run, all of the last tenth of the keys. */
export function lastTenthRange(run: number, start: number, count: number): RowRange {
  const idOf = (index: number): number => baseRowCount - updateRowCount + ((index * 61_803) % updateRowCount);
  return { seed: 1_000 + run, start, count, idOf };
}

export function makeRows({ seed, start, count, idOf }: RowRange): WorkRows {
  const rows = emptyRows(count);
  const [id, b1, b2, b3, ts] = [rows.id, rows.b1, rows.b2, rows.b3, rows.ts].map(halvesOf);
  if (id === undefined || b1 === undefined || b2 === undefined || b3 === undefined || ts === undefined) return rows;
  const { s1, s2, s3, d1, d2 } = rows;
  const mixedSeed = Math.imul(seed, 0x9e3779b9);
  let x = 0;
  const next = (): number => {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0;
    return x >>> 0;
  };
  for (let row = 0; row < count; row += 1) {
    const key = idOf(start + row);
    x = mixedSeed ^ Math.imul(key, 0x85ebca6b);
    next();
    next();
    setNumber(id, row, key);
    setNumber(b1, row, next());
    const high = next();
    setNumber(b2, row, high * 1_000 + (next() % 1_000));
    setNumber(b3, row, key * 7 + (next() % 100));
    const at = row * textBytes;
    for (let index = 0; index < textBytes; index += 1) s1[at + index] = letters[next() >>> 27] ?? 0;
    setText(s2, at, categoryPrefix, (next() >>> 8) % 1_000);
    setText(s3, at, userPrefix, (next() >>> 8) % 100_000);
    d1[row] = next() / 4_294_967_296;
    d2[row] = ((next() >>> 4) % 1_000_000) / 100;
    const second = next() % secondsOfYear;
    setNumber(ts, row, firstMs + second * 1_000 + ((next() >>> 8) % 1_000));
  }
  return rows;
}

function emptyRows(count: number): WorkRows {
  const longs = (): BigInt64Array => new BigInt64Array(count);
  const texts = (): Uint8Array => new Uint8Array(count * textBytes);
  const doubles = (): Float64Array => new Float64Array(count);
  return {
    count,
    ...{ id: longs(), b1: longs(), b2: longs(), b3: longs() },
    ...{ s1: texts(), s2: texts(), s3: texts() },
    ...{ d1: doubles(), d2: doubles(), ts: longs() },
  };
}

/** Low and high halves: writing numbers below 2^53 so makes no bigints. */
function halvesOf(longs: BigInt64Array): Int32Array {
  return new Int32Array(longs.buffer, longs.byteOffset, longs.length * 2);
}

function setNumber(halves: Int32Array, row: number, value: number): void {
  halves[row * 2] = value | 0;
  halves[row * 2 + 1] = Math.floor(value / 4_294_967_296);
}

/** A prefix, and digits up to the end. */
function setText(texts: Uint8Array, at: number, prefix: Uint8Array, number: number): void {
  texts.set(prefix, at);
  let rest = number;
  for (let index = textBytes - 1; index >= prefix.length; index -= 1) {
    texts[at + index] = 48 + (rest % 10);
    rest = (rest - (rest % 10)) / 10;
  }
}
