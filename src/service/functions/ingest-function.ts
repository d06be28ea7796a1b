/** The ingest function: records of the log into their tables, exactly once (DESIGN 2.3). */
import { type EventIngest, type EventResult, ingestEvent, openEventIngest } from '../../flow/ingest/ingest-event.ts';
import type { TakenRecords } from '../../flow/ingest/take-records.ts';
import {
  type Metered,
  meteredInvocation,
  openFunctionLog,
  openFunctionParts,
  openMeteredLog,
} from './function-parts.ts';
import { type BatchAnswer, batchAnswer, checkStream, type ShardRecords } from './kinesis-event.ts';
import type { Report } from './telemetry.ts';
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
  /** Swaps that another's won. */
  readonly lostSwaps: number;
  /** Of the oldest record that came into its table; undefined: none did. */
  readonly freshnessMs: number | undefined;
  /** Why tables hold the shard back. */
  readonly failures: readonly string[];
  readonly tables: readonly TakenRecords[];
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
 * @throws LakeError `unavailable` when nothing of it can be taken; `invalid` LAKE_BAD_EVENT when it is of another stream
 */
export async function ingestRecords(
  parts: EventIngest & Metered,
  batches: readonly ShardRecords[],
  context: InvocationContext,
): Promise<{ readonly answer: BatchAnswer; readonly figures: IngestFigures }> {
  checkStream(batches, parts.log.uri);
  await using _metered = meteredInvocation(parts);
  await using limit = timeLimit(parts.clock, context, margins);
  const results: EventResult[] = [];
  const watched = { ...parts, spans: context.spans };
  for (const batch of batches) results.push(await ingestEvent(watched, { ...batch, ...limit }));
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
    lostSwaps: sum(tables.map(table => table.lostSwaps)),
    freshnessMs: maxOf(tables.flatMap(table => table.commits.map(commit => commit.freshnessMs))),
    failures: tables.flatMap(({ tableName, error }) =>
      error === undefined ? [] : [`${tableName}: ${error.code}: ${error.message}`],
    ),
    tables,
  };
}

/** Tables that a line names, at most; and producers of a commit. */
const tablesToldMax = 50;
const producersToldMax = 20;

/** What an invocation says of itself: among it, for each commit, which records of which producers are in which snapshot. */
export function ingestReport({ tables, ...figures }: IngestFigures): Report {
  const { freshnessMs: FreshnessMs, rowsIn: RowsIn, deadLetters: DeadLetters } = figures;
  return {
    fields: { ...figures, tables: tables.slice(0, tablesToldMax).map(tableFields), tableCount: tables.length },
    metrics: {
      FreshnessMs,
      RowsIn,
      DeadLetters,
      CommitConflicts: figures.lostSwaps,
      LostShards: figures.lostShards.length,
      FailedTables: figures.failures.length,
      UnreadableRecords: figures.unreadableRecords,
    },
    hasTrouble: [figures.lostShards, figures.failures].some(list => list.length > 0) || figures.unreadableRecords > 0,
  };
}

function tableFields({ tableName, shardId, status, commits, heldAt, counters, lostShards }: TakenRecords): object {
  const [deadLetters, replayed] = [Number(counters.deadLettered), Number(counters.replayed)];
  return {
    table: tableName,
    shard: shardId,
    status,
    deadLetters: deadLetters === 0 ? undefined : deadLetters,
    replayed: replayed === 0 ? undefined : replayed,
    lostShards: lostShards.length === 0 ? undefined : lostShards,
    heldAt: heldAt?.toString(),
    commits: commits.map(({ message, shards, producers, ...commit }) => ({
      ...commit,
      message: message === undefined ? undefined : `${message.shardId}@${message.position}`,
      shards: shards.map(({ shardId: shard, from, to }) => ({ shard, from: from?.toString(), to: to.toString() })),
      producers: producers.slice(0, producersToldMax).map(({ lane, first, last }) => `${lane} ${first}-${last}`),
      producerCount: producers.length,
    })),
  };
}

function maxOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter(value => value !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
