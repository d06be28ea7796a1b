/**
 * Which of two rows of a key is the newer one, told by their files alone: where the sequence numbers of runs do not overlap,
 * as is usual (a commit's are above all before it), any number of its range stands for all of a run. So a read leaves out a
 * column that packs badly and that nobody looks at afterwards.
 */
import { present } from '../../base/assert.ts';
import type { DataFileMeta } from '../../format/data-file.ts';

type NumberedFile = Pick<DataFileMeta, 'minSequenceNumber' | 'maxSequenceNumber'>;

/** For each run a number that orders its rows among those of the others; undefined: the numbers of runs overlap. */
export function runAges(runs: readonly (readonly NumberedFile[])[]): readonly bigint[] | undefined {
  const ranges = runs.map(files => ({
    min: least(files.map(({ minSequenceNumber }) => minSequenceNumber)),
    max: -least(files.map(({ maxSequenceNumber }) => -maxSequenceNumber)),
  }));
  const byMin = ranges.toSorted((a, b) => (a.min < b.min ? -1 : 1));
  const areApart = byMin.every(({ min, max }, index) => {
    const before = byMin[index - 1];
    return min <= max && (before === undefined || before.max < min);
  });
  return areApart ? ranges.map(({ min }) => min) : undefined;
}

function least(numbers: readonly bigint[]): bigint {
  return numbers.reduce((least, number) => (number < least ? number : least), present(numbers[0], 'a file of a run'));
}

/** One number for each of any number of rows. */
export class RepeatedNumber {
  readonly #number: bigint;
  #numbers = new BigInt64Array(0);

  constructor(number: bigint) {
    this.#number = number;
  }

  /** @returns an array that others share: not to be written to */
  times(count: number): BigInt64Array {
    if (this.#numbers.length < count) this.#numbers = new BigInt64Array(count).fill(this.#number);
    return this.#numbers.subarray(0, count);
  }
}
