/**
 * The merge of sorted runs, the heart of compaction, merge-on-read and union reads.
 *
 * Nouns: a **sorted run** is a stream of batches, keys ascending and unique over all of them; its **cursor** (run-cursor.ts) is
 * where the merge stands in it; the **merge loop** (merge-loop.ts) finds, with a loser tree over the cursors' heads, the
 * next row in key order and notes rows of equal keys down as **groups**; the **merge function** (merge-function.ts)
 * makes an output batch of a batch's worth of groups, column by column. Batches whose values come late (`wholeRows`) are
 * asked for them only when a row that comes out is theirs.
 *
 * Memory: one batch for each run, and batches that rows of the output batch in the making still point into: fewer than
 * `2 * batchRowsMax` rows and one batch more. Nothing grows with the length of the runs.
 *
 * What it does not do: open files, know levels, or project columns.
 */
import { assert } from '../base/assert.ts';
import { mapBounded } from '../base/concurrency.ts';
import { type KeyValueBatch, sliceBatch } from '../types/row-batch.ts';
import { type ChangelogSpec, type CompactedBatch, compactFunction } from './changelog-merge.ts';
import { differenceFunction, levelAfter, levelBefore } from './difference.ts';
import { type MergeFunction, type MergeSpec, mergeFunction } from './merge-function.ts';
import { MergeLoop } from './merge-loop.ts';
import { wholeBatch, withWholeRows } from './row-groups.ts';
import { RunCursor } from './run-cursor.ts';

export type { MergeSpec } from './merge-function.ts';

export type MergeOptions = {
  /** Rows of an output batch, at most. */
  readonly batchRowsMax: number;
};

/** Runs whose first batch is asked for at the same time. */
const openRunsMax = 16;

/**
 * Merges runs into one: keys ascending and unique, in batches of 1 to `batchRowsMax` rows.
 *
 * Rows of one key are merged in the order of the columns of `sequence.field`, then of their sequence numbers. Equal ones
 * go by run: with deduplicate the later run in the order given wins.
 *
 * All runs are closed when the merge ends, fails, or is not read to its end (their iterators' `return`).
 *
 * @param runs all of one row type; no key is twice in a run
 * @throws LakeError `corrupt` when a run's keys do not ascend; whatever a run throws
 */
export async function* mergeRuns(
  runs: readonly AsyncIterable<KeyValueBatch>[],
  spec: MergeSpec,
  options: MergeOptions,
): AsyncGenerator<KeyValueBatch, void, undefined> {
  for await (const batch of mergeRunsBy(runs, spec, options, { ...mergeFunction(spec), passOn: batch => batch })) {
    if (batch.rows.rowCount > 0) yield batch;
  }
}

/**
 * As `mergeRuns`, for a compaction: with what its rows change in the table. Batches may be of no rows.
 *
 * @param runs with the levels of their rows, those that are only looked up among them
 */
export function compactRuns(
  runs: readonly AsyncIterable<KeyValueBatch>[],
  spec: MergeSpec,
  changelog: ChangelogSpec,
  options: MergeOptions,
): AsyncGenerator<CompactedBatch, void, undefined> {
  return mergeRunsBy(runs, spec, options, { ...compactFunction(spec, changelog), passOn: undefined });
}

/**
 * What differs between two states of rows, each a run that is merged already; see difference.ts.
 *
 * @param states of both all columns
 */
export async function* differentRows(
  states: { readonly before: AsyncIterable<KeyValueBatch>; readonly after: AsyncIterable<KeyValueBatch> },
  spec: MergeSpec,
  options: MergeOptions,
): AsyncGenerator<KeyValueBatch, void, undefined> {
  const runs = [atLevel(states.before, levelBefore), atLevel(states.after, levelAfter)];
  const merged = mergeRunsBy(runs, spec, options, { ...differenceFunction(), passOn: undefined });
  for await (const batch of merged) if (batch.rows.rowCount > 0) yield batch;
}

async function* atLevel(
  run: AsyncIterable<KeyValueBatch>,
  level: number,
): AsyncGenerator<KeyValueBatch, void, undefined> {
  for await (const batch of run) yield { ...batch, level };
}

/** A merge function, and what becomes of a batch that goes through as it is; undefined: none does. */
type Engine<Output> = MergeFunction<Output> & { readonly passOn: ((batch: KeyValueBatch) => Output) | undefined };

async function* mergeRunsBy<Output>(
  runs: readonly AsyncIterable<KeyValueBatch>[],
  spec: MergeSpec,
  options: MergeOptions,
  engine: Engine<Output>,
): AsyncGenerator<Output, void, undefined> {
  assert(options.batchRowsMax >= 1, 'an output batch has room for a row');
  const cursors: RunCursor[] = [];
  let hasFailed = false;
  try {
    for (const [index, run] of runs.entries()) cursors.push(new RunCursor(run, index, spec));
    await mapBounded(cursors, openRunsMax, cursor => cursor.load());
    if (cursors.length > 0) yield* mergeLoaded(cursors, spec, options, engine);
  } catch (error) {
    hasFailed = true;
    throw error;
  } finally {
    await closeAll(cursors, { ignoreFailures: hasFailed });
  }
}

async function* mergeLoaded<Output>(
  cursors: readonly RunCursor[],
  spec: MergeSpec,
  { batchRowsMax }: MergeOptions,
  engine: Engine<Output>,
): AsyncGenerator<Output, void, undefined> {
  const { passOn } = engine;
  const loop = new MergeLoop(cursors, engine.entries);
  // Rows of batches that are no longer in a cursor but still in the groups.
  let heldRowCount = 0;
  for (;;) {
    const isLarge = loop.winner.keys.rowCount * passOnShare >= batchRowsMax;
    if (passOn !== undefined && isLarge && canPassOn(loop, spec)) {
      yield* mergeCollected(loop, engine);
      heldRowCount = 0;
      if (loop.winner.batch !== undefined) {
        yield* sliced(await wholeBatch(loop.winner.batch), batchRowsMax).map(passOn);
      }
      loop.skipWinnerBatch();
      await loop.winner.load();
      loop.advance();
      continue;
    }
    const outcome = loop.collect(heldRowCount > 2 * batchRowsMax ? 0 : batchRowsMax);
    if (outcome === 'exhausted') {
      const { winner } = loop;
      if (winner.sourceIndex >= 0) heldRowCount += winner.keys.rowCount;
      await winner.load();
      loop.advance();
      continue;
    }
    yield* mergeCollected(loop, engine);
    heldRowCount = 0;
    if (outcome === 'ended') return;
  }
}

/** A batch is handed on as it is when it has at least one row for this many of an output batch. */
const passOnShare = 4;

/** Whether the winner's batch can come out as it is: no other row lies between its first and its last. */
function canPassOn(loop: MergeLoop, spec: MergeSpec): boolean {
  const { winner } = loop;
  if (!loop.isWinnerApart()) return false;
  return !(spec.dropDeletes && winner.hasDeletes());
}

async function* mergeCollected<Output>(
  loop: MergeLoop,
  engine: MergeFunction<Output>,
): AsyncGenerator<Output, void, undefined> {
  if (loop.groupCount === 0) return;
  const picked = engine.pick(loop.takeGroups());
  if (picked.rowIndex.length > 0) yield engine.merge(await withWholeRows(picked));
}

function* sliced(batch: KeyValueBatch, rowsMax: number): Generator<KeyValueBatch> {
  const { rowCount } = batch.rows;
  for (let start = 0; start < rowCount; start += rowsMax) {
    const end = Math.min(start + rowsMax, rowCount);
    const sequenceNumbers = batch.sequenceNumbers.subarray(start, end);
    yield { rows: sliceBatch(batch.rows, start, end), sequenceNumbers, kinds: batch.kinds.subarray(start, end) };
  }
}

async function closeAll(
  cursors: readonly RunCursor[],
  { ignoreFailures }: { readonly ignoreFailures: boolean },
): Promise<void> {
  const outcomes = await Promise.allSettled(cursors.map(cursor => cursor.close()));
  if (ignoreFailures) return;
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
