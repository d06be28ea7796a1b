/** What watches give inside the house: rows as batches, which each door turns into objects, text or events. */
import type { RowBatch } from '../../types/row-batch.ts';

export type WatchedChange = {
  /** `+` puts a row there, in the place of the one with its key if there is one; `-` takes it away. */
  readonly op: '+' | '-';
  /** Of `-` the columns of the key; without a key all columns. Never empty. */
  readonly rows: RowBatch;
};

export type WatchedPart = {
  /** `full`: what the answer is, whatever was given before; `delta`: what changed of it. */
  readonly kind: 'full' | 'delta';
  /** An answer or a difference that is long comes in several parts: 0, 1, 2 … */
  readonly part: number;
  /** The last part: what was given is now the query's answer as of one place. */
  readonly isComplete: boolean;
  readonly changes: readonly WatchedChange[];
  /** Where another watch of the same goes on behind this; only of the last part. */
  readonly resume: string | undefined;
};

/** What does the work of a watch; asked when its consumer wants more, so that nothing waits for a slow one. */
export type WatchedParts = AsyncGenerator<WatchedPart, void, undefined>;

export type WatchLimits = {
  /** Rows of an answer that is held to be compared with the next. */
  readonly rowsMax: number;
  /** Bytes of it, as canonical JSON. */
  readonly bytesMax: number;
};

const watchRowsMax = 100_000;
const watchBytesMax: number = 64 * 1024 * 1024;
export const watchLimitsDefault: WatchLimits = { rowsMax: watchRowsMax, bytesMax: watchBytesMax };
/** Changes that come within it are given together. */
export const watchIntervalMsDefault = 200;
