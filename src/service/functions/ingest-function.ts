/** The ingest function: records of the log into their tables, exactly once (DESIGN 2.3). */
import { type EventIngest, type EventResult, ingestEvent, openEventIngest } from '../../flow/ingest/ingest-event.ts';
import {
  type Metered,
  meteredInvocation,
  openFunctionLog,
  openFunctionParts,
  openMeteredLog,
} from './function-parts.ts';
import { type BatchAnswer, batchAnswer, type ShardRecords } from './kinesis-event.ts';
import { type InvocationContext, timeLimit } from './time-limit.ts';

const margins = { finishMs: 10_000, answerMs: 2_000 };

/** The figures of an invocation, for its log. What needs somebody to look is not 0. */
export type IngestFigures = {
  readonly rowsIn: number;
  readonly commits: number;
  readonly deadLetters: number;
  readonly duplicates: number;
  readonly droppedTableRows: number;
  readonly unreadableRecords: number;
  readonly lostShards: readonly string[];
  /** Why tables hold the shard back. */
  readonly failures: readonly string[];
};

/** What a container keeps: the warehouse, the log, open tables. With a commit log, commits are the commit function's. */
export async function openIngestFunction(): Promise<EventIngest & Metered> {
  const parts = await openFunctionParts('ingest');
  const log = await openFunctionLog(parts);
  const { commitLog } = parts.settings;
  const ingest = openEventIngest({
    ...parts,
    log,
    commitLog: commitLog === undefined ? undefined : await openMeteredLog(parts, commitLog),
  });
  const { metering, purpose } = parts;
  return { ...ingest, metering, purpose };
}

/**
 * Takes what was handed over, and says what is not committed and must come again.
 *
 * @throws LakeError `unavailable` when nothing of it can be taken
 */
export async function ingestRecords(
  parts: EventIngest & Metered,
  batches: readonly ShardRecords[],
  context: InvocationContext,
): Promise<{ readonly answer: BatchAnswer; readonly figures: IngestFigures }> {
  await using _metered = meteredInvocation(parts);
  await using limit = timeLimit(parts.clock, context, margins);
  const results: EventResult[] = [];
  for (const batch of batches) results.push(await ingestEvent(parts, { ...batch, ...limit }));
  return { answer: batchAnswer(results.map(result => result.heldAt)), figures: figuresOf(results) };
}

function figuresOf(results: readonly EventResult[]): IngestFigures {
  const tables = results.flatMap(result => result.tables);
  const sum = (counts: readonly (number | bigint)[]): number => counts.reduce<number>((all, n) => all + Number(n), 0);
  return {
    rowsIn: sum(tables.map(table => table.counters.rowsIn)),
    commits: sum(tables.map(table => table.commitCount)),
    deadLetters: sum(tables.map(table => table.counters.deadLettered)),
    duplicates: sum(tables.map(table => table.counters.duplicates)),
    droppedTableRows: sum(results.map(result => result.droppedTableRows)),
    unreadableRecords: sum(results.map(result => result.unreadableRecords)),
    lostShards: [...new Set(tables.flatMap(table => table.lostShards))],
    failures: tables.flatMap(({ tableName, error }) =>
      error === undefined ? [] : [`${tableName}: ${error.code}: ${error.message}`],
    ),
  };
}
