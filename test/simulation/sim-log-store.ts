/**
 * Kinesis as one process of a simulated world sees it: answers at the tip or before it, calls that are throttled in part,
 * answers that are lost, records that are taken twice.
 */
import type { LakeError } from '../../src/base/errors.ts';
import type {
  LogAppend,
  LogAppendOutcome,
  LogReadOptions,
  LogReadResult,
  LogStart,
  LogStore,
} from '../../src/storage/log-store.ts';
import type { MemoryLog } from '../../src/storage/memory/memory-log.ts';
import type { SimProcess } from './process.ts';
import type { World } from './world.ts';

/** Share of reads that give nothing without being at the tip. */
const emptyShare = 0.05;
const readRecordsMax = 8;
/** One append in so many is forgotten, where that is what is wrong with the log. */
const forgottenOneIn = 10;

/** @param pollIntervalMs Kinesis allows five reads of a shard a second */
export function simLogStore(world: World, process: SimProcess, log: MemoryLog, pollIntervalMs = 200): LogStore {
  return {
    uri: log.uri,
    supports: { ...log.supports, pollIntervalMs },
    describe: options =>
      process.request({
        of: 'read',
        what: 'describe',
        key: log.uri,
        effect: () => log.describe(),
        outcome: ({ shards }) => `${shards.length} shards`,
        signal: options?.signal,
      }),
    append: (records, options) => appendTo(world, process, log, { records, signal: options?.signal }),
    read: (shardId, from, options) =>
      process.request({
        of: 'read',
        what: 'read',
        key: shardId,
        effect: () => someOf(world, process, log, { shardId, from, options }),
        outcome: ({ records, atTip }) => `${records.length} records${atTip ? ', tip' : ''}`,
        signal: options?.signal,
      }),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

type Appended = readonly LogAppendOutcome[];

function appendTo(
  world: World,
  process: SimProcess,
  log: MemoryLog,
  { records, signal }: { readonly records: readonly LogAppend[]; readonly signal: AbortSignal | undefined },
): Promise<Appended> {
  const effect = (): Appended =>
    world.sabotage === 'append-forgotten' && process.random.next() * forgottenOneIn < 1
      ? records.map(() => ({ status: 'appended', shardId: 'forgotten', position: 0n }))
      : log.append(records);
  const again = (): void => {
    const [first] = records;
    if (first !== undefined) log.append([first]);
  };
  return process.request<Appended>({
    of: 'append',
    what: 'append',
    key: log.uri,
    effect,
    outcome: outcomes => outcomes.map(textOf).join(' '),
    bytes: () => records[0]?.data,
    unanswered: cause => records.map(() => ({ status: 'unanswered', cause })),
    failed: cause => someTaken(process, log, records, cause),
    again,
    signal,
  });
}

/** A call that is throttled takes its first records and no others: nothing overtakes. */
function someTaken(process: SimProcess, log: MemoryLog, records: readonly LogAppend[], cause: LakeError): Appended {
  const count = Math.floor(process.random.next() * records.length);
  const taken = count === 0 ? [] : log.append(records.slice(0, count));
  return [...taken, ...records.slice(count).map(() => ({ status: 'failed', cause }) as const)];
}

function textOf(outcome: LogAppendOutcome): string {
  return outcome.status === 'appended' ? `${outcome.shardId}@${outcome.position}` : outcome.status;
}

type ReadCall = {
  readonly shardId: string;
  readonly from: LogStart;
  readonly options: LogReadOptions | undefined;
};

function someOf(
  world: World,
  process: SimProcess,
  log: MemoryLog,
  { shardId, from, options }: ReadCall,
): LogReadResult {
  const isEmpty = !world.faults.isOver && from.kind !== 'latest' && process.random.next() < emptyShare;
  if (isEmpty) return { records: [], next: from, atTip: false, ended: false, gap: false, behindMs: 1 };
  const wanted = 1 + Math.floor(process.random.next() * readRecordsMax);
  return log.read(shardId, from, { ...options, recordsMax: Math.min(options?.recordsMax ?? wanted, wanted) });
}
