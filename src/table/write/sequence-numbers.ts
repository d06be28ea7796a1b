/**
 * Sequence numbers of many rows at a time. A number is two 32-bit words here, which spares a bigint for each row; so the
 * numbers must be exact as doubles, below 2^53: at a million rows a second for a bucket that is 285 years. Larger ones
 * take the slow way.
 */
import type { KeyValueBatch } from '../../types/row-batch.ts';
import type { PlannedFile } from '../commit/request.ts';
import type { KindedRows } from './waiting-rows.ts';

const wordValues = 4_294_967_296;

/** `count` numbers, one after the other, from `first` on. */
export function numbersFrom(first: bigint, count: number): BigInt64Array {
  const numbers = new BigInt64Array(count);
  if (!isExact(first + BigInt(count))) return numbers.map((_, row) => first + BigInt(row));
  const words = new Uint32Array(numbers.buffer);
  const start = Number(first);
  for (let row = 0; row < count; row += 1) put(words, row, start + row);
  return numbers;
}

/** All of them larger by `shift`, which may be negative; none may become so. */
export function shiftedNumbers(numbers: BigInt64Array, shift: bigint): BigInt64Array {
  if (shift === 0n) return numbers;
  const range = rangeOfNumbers(numbers);
  if (!isExact(range.max) || !isExact(range.max + shift)) return numbers.map(number => number + shift);
  const from = wordsOf(numbers);
  const shifted = new BigInt64Array(numbers.length);
  const words = new Uint32Array(shifted.buffer);
  const by = Number(shift);
  for (let row = 0; row < numbers.length; row += 1) put(words, row, at(from, row) + by);
  return shifted;
}

/** Smallest and largest; of none, a range that any number widens. */
export function rangeOfNumbers(numbers: BigInt64Array): { readonly min: bigint; readonly max: bigint } {
  const words = wordsOf(numbers);
  let [min, max] = [Number.POSITIVE_INFINITY, -1];
  for (let row = 0; row < numbers.length; row += 1) {
    const number = at(words, row);
    if (number < min) min = number;
    if (number > max) max = number;
  }
  if (numbers.length > 0 && max < Number.MAX_SAFE_INTEGER) return { min: BigInt(min), max: BigInt(max) };
  return slowRange(numbers);
}

function slowRange(numbers: BigInt64Array): { readonly min: bigint; readonly max: bigint } {
  let [min, max] = [2n ** 63n - 1n, -1n];
  for (const number of numbers) {
    if (number < min) min = number;
    if (number > max) max = number;
  }
  return { min, max };
}

function isExact(number: bigint): boolean {
  return number >= 0n && number <= BigInt(Number.MAX_SAFE_INTEGER);
}

/** Low word first, as all machines that Node runs on have it. */
function wordsOf(numbers: BigInt64Array): Uint32Array {
  return new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length * 2);
}

function at(words: Uint32Array, row: number): number {
  return (words[row * 2 + 1] ?? 0) * wordValues + (words[row * 2] ?? 0);
}

function put(words: Uint32Array, row: number, number: number): void {
  const high = Math.floor(number / wordValues);
  // Exact, and many times as quick as a remainder of doubles.
  words[row * 2] = number - high * wordValues;
  words[row * 2 + 1] = high;
}

/** The smallest of the files' sequence numbers; there is a file. */
export function firstNumber(files: readonly PlannedFile[]): bigint {
  return files.map(({ file }) => file.minSequenceNumber).reduce((a, b) => (b < a ? b : a));
}

/** The same files, their numbers higher. */
export function renumbered(files: readonly PlannedFile[], shift: bigint): readonly PlannedFile[] {
  return files.map(planned => ({
    ...planned,
    file: {
      ...planned.file,
      minSequenceNumber: planned.file.minSequenceNumber + shift,
      maxSequenceNumber: planned.file.maxSequenceNumber + shift,
    },
  }));
}

/** Rows numbered in their order. */
export function* numbered(batches: Iterable<KindedRows>, first: bigint): Generator<KeyValueBatch> {
  let next = first;
  for (const { rows, kinds } of batches) {
    yield { rows, kinds, sequenceNumbers: numbersFrom(next, rows.rowCount) };
    next += BigInt(rows.rowCount);
  }
}

/** Rows that all have one number. */
export function* numberedAs(number: bigint, batches: Iterable<KindedRows>): Generator<KeyValueBatch> {
  for (const { rows, kinds } of batches) {
    yield { rows, kinds, sequenceNumbers: new BigInt64Array(rows.rowCount).fill(number) };
  }
}
