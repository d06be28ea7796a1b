/**
 * The check of an answer: the sum over all rows of whole numbers, doubles cut to whole numbers, bytes of texts, and
 * milliseconds of times. Every value of the answer is looked at, so a sum is also what keeps an engine from leaving values
 * undecoded. Whole numbers of the work are below 2^53; they are added in halves, which makes no bigints.
 */
/** A column as Arrow has it, with offset 0. */
export type SummedColumn = {
  readonly type: { readonly typeId: number };
  readonly length: number;
  readonly values: ArrayBufferView;
  readonly valueOffsets: ArrayLike<number>;
};

/** A row as users get it: bigint, number, string, Date. */
export type SummedRow = Readonly<Record<string, unknown>>;

/** Of Arrow's format; not from the package, which DuckDB's turn need not load. */
const typeIds = { int: 2, float: 3, utf8: 5, timestamp: 10 } as const;
const half = 4_294_967_296;
/** Sums of so many numbers below 2^43 are exact. */
const exactRows = 1_024;

export class CheckSum {
  rowCount = 0;
  #sum = 0n;
  #part = 0;

  get sum(): bigint {
    return this.#sum + BigInt(this.#part);
  }

  addColumns(columns: readonly SummedColumn[], rowCount: number): void {
    for (const column of columns) this.#sum += sumOf(column);
    this.rowCount += rowCount;
  }

  addRow(row: SummedRow): void {
    let part = this.#part;
    for (const name in row) part += shareOf(row[name]);
    this.#part = part;
    this.rowCount += 1;
    if (this.rowCount % exactRows !== 0) return;
    this.#sum += BigInt(part);
    this.#part = 0;
  }
}

export type Answer = { readonly sum: bigint; readonly rowCount: number };

/** @throws Error when the answer is not what was expected */
export function checkAnswer(given: Answer, expected: Answer, what: string): void {
  if (given.sum === expected.sum && given.rowCount === expected.rowCount) return;
  const shown = (answer: Answer): string => `${answer.rowCount} rows of sum ${answer.sum}`;
  throw new Error(`${what}: a wrong answer, ${shown(given)} where ${shown(expected)} was expected`);
}

function shareOf(value: unknown): number {
  switch (typeof value) {
    case 'bigint':
      return Number(value);
    case 'number':
      return Math.trunc(value);
    case 'string':
      return value.length;
    default:
      return value instanceof Date ? value.getTime() % 1_000 : Number.NaN;
  }
}

function sumOf({ type, length, values, valueOffsets }: SummedColumn): bigint {
  switch (type.typeId) {
    case typeIds.int:
      return sumOfLongs(halvesOf(values, length));
    case typeIds.timestamp:
      return BigInt(sumOfMillis(halvesOf(values, length)));
    case typeIds.utf8:
      return BigInt((valueOffsets[length] ?? 0) - (valueOffsets[0] ?? 0));
    case typeIds.float:
      return BigInt(sumOfDoubles(values, length));
    default:
      throw new Error(`no sum of a column of type ${type.typeId}`);
  }
}

function halvesOf({ buffer, byteOffset }: ArrayBufferView, length: number): Int32Array {
  return new Int32Array(buffer, byteOffset, length * 2);
}

/** Exact up to 2^20 values. */
function sumOfLongs(halves: Int32Array): bigint {
  let low = 0;
  let high = 0;
  for (let index = 0; index < halves.length; index += 2) {
    low += (halves[index] ?? 0) >>> 0;
    high += halves[index + 1] ?? 0;
  }
  return BigInt(low) + BigInt(high) * BigInt(half);
}

/** Of milliseconds since 1970 within their second. */
function sumOfMillis(halves: Int32Array): number {
  const highFactor = half % 1_000;
  let sum = 0;
  for (let index = 0; index < halves.length; index += 2) {
    const low = (halves[index] ?? 0) >>> 0;
    sum += ((halves[index + 1] ?? 0) * highFactor + (low % 1_000)) % 1_000;
  }
  return sum;
}

function sumOfDoubles({ buffer, byteOffset }: ArrayBufferView, length: number): number {
  const values = new Float64Array(buffer, byteOffset, length);
  let sum = 0;
  for (const value of values) sum += Math.trunc(value);
  return sum;
}
