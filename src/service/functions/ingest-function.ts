/** The ingest function: records of the log into their tables, exactly once (DESIGN 2.3). */
import { present } from '../../base/assert.ts';
import { invalid } from '../../base/errors.ts';
import { listLogNames } from '../../catalog/log-names.ts';
import { type EventIngest, type EventResult, ingestEvent, openEventIngest } from '../../flow/ingest/ingest-event.ts';
import type { TakenRecords } from '../../flow/ingest/take-records.ts';
import type { RegistryParts } from '../../flow/table-registry.ts';
import type { LogStore } from '../../storage/log-store.ts';
import { isOfLog, type LogParts } from '../named-logs.ts';
import {
  type Metered,
  meteredInvocation,
  openFunctionLog,
  openFunctionParts,
  openMeteredLog,
  withNamedLogs,
} from './function-parts.ts';
import { type BatchAnswer, batchAnswer, checkStream, logNameOfStream, type ShardRecords } from './kinesis-event.ts';
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

export type IngestFunctionParts = EventIngest &
  Metered & {
    /** Of a log that tables name. @throws LakeError `invalid` LAKE_BAD_EVENT: none does */
    readonly ofLog?: ((name: string) => Promise<EventIngest>) | undefined;
  };

/** What a container keeps: the warehouse, the logs, open tables. With a commit log, commits are the commit function's. */
export async function openIngestFunction(): Promise<IngestFunctionParts> {
  const parts = await openFunctionParts('ingest');
  const log = await openFunctionLog(parts);
  const commitAddress = parts.settings.commitLog;
  const commitLog = commitAddress === undefined ? undefined : await openMeteredLog(parts, commitAddress);
  const { metering, purpose } = parts;
  const { logs } = withNamedLogs(parts, log);
  const own = openEventIngest({ ...parts, log, commitLog, accepts: isOfLog(undefined) });
  return { ...own, metering, purpose, ofLog: ingestOfNamedLogs({ ...parts, logs, commitLog }) };
}

/** Each is opened once, when its first batch comes. */
export function ingestOfNamedLogs(
  parts: RegistryParts & Pick<LogParts, 'logs'> & { readonly commitLog?: LogStore | undefined },
): (name: string) => Promise<EventIngest> {
  const opened = new Map<string, EventIngest>();
  return async name => {
    const known = opened.get(name);
    if (known !== undefined) return known;
    if (!(await listLogNames(parts.store)).includes(name)) {
      throw invalid(
        'LAKE_BAD_EVENT',
        `records of a stream of the name ${name}, which no table's log.name says; remove the mapping`,
      );
    }
    const ingest = openEventIngest({ ...parts, log: await parts.logs.open(name), accepts: isOfLog(name) });
    opened.set(name, ingest);
    return ingest;
  };
}

/**
 * Takes what was handed over, and says what is not committed and must come again.
 *
 * @throws LakeError `unavailable` when nothing of it can be taken; `invalid` LAKE_BAD_EVENT when it is of another stream
 */
export async function ingestRecords(
  parts: IngestFunctionParts,
  batches: readonly ShardRecords[],
  context: InvocationContext,
): Promise<{ readonly answer: BatchAnswer; readonly figures: IngestFigures }> {
  await using _metered = meteredInvocation(parts);
  await using limit = timeLimit(parts.clock, context, margins);
  const ingests: EventIngest[] = [];
  for (const { stream } of batches) ingests.push(await ingestOf(parts, stream));
  const results: EventResult[] = [];
  for (const [index, batch] of batches.entries()) {
    const watched = { ...present(ingests[index], 'ingest of a batch'), spans: context.spans };
    results.push(await ingestEvent(watched, { ...batch, ...limit }));
  }
  return { answer: batchAnswer(results.map(result => result.heldAt)), figures: figuresOf(results) };
}

/** @throws LakeError `invalid` LAKE_BAD_EVENT: the stream is no log of the lake */
async function ingestOf(parts: IngestFunctionParts, stream: string | undefined): Promise<EventIngest> {
  const name = logNameOfStream(stream, parts.log.uri);
  if (name !== undefined && parts.ofLog !== undefined) return await parts.ofLog(name);
  checkStream([{ stream }], parts.log.uri);
  return parts;
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
