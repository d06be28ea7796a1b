/** What tests of logs need again and again: append texts and insist, read a shard up to its tip or end. */
import { present } from '../base/assert.ts';
import type { LogReadResult, LogRecordEnvelope, LogShard, LogStart, LogStore } from './log-store.ts';

export type Appended = { readonly shardId: string; readonly position: bigint };
export type ReadAll = {
  readonly records: readonly LogRecordEnvelope[];
  readonly last: LogReadResult;
  /** Most records of one answer. */
  readonly answerRecordsMax: number;
};

const readsMax = 2000;

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function texts(records: readonly LogRecordEnvelope[]): readonly string[] {
  return records.map(record => new TextDecoder().decode(record.data));
}

/** Appends in one call; throws unless every record was taken. */
export async function appendAll(
  log: LogStore,
  hashKey: bigint,
  values: readonly string[],
): Promise<readonly Appended[]> {
  const outcomes = await log.append(values.map(value => ({ hashKey, data: text(value) })));
  return outcomes.map(outcome => {
    if (outcome.status !== 'appended') throw new Error(`append ${outcome.status}`, { cause: outcome.cause });
    return { shardId: outcome.shardId, position: outcome.position };
  });
}

/** Reads until an answer is at the tip. */
export async function readAll(
  log: LogStore,
  shardId: string,
  start: LogStart,
  limits?: { readonly recordsMax?: number; readonly bytesMax?: number },
): Promise<ReadAll> {
  const records: LogRecordEnvelope[] = [];
  let from = start;
  let answerRecordsMax = 0;
  for (let count = 0; count < readsMax; count += 1) {
    const last = await log.read(shardId, from, limits);
    records.push(...last.records);
    answerRecordsMax = Math.max(answerRecordsMax, last.records.length);
    if (last.atTip) return { records, last, answerRecordsMax };
    from = last.next;
  }
  throw new Error(`${log.uri} ${shardId}: not at the tip after ${readsMax} reads`);
}

/** Reads a closed shard until it says it has ended. */
export async function readToEnd(log: LogStore, shardId: string, start: LogStart): Promise<ReadAll> {
  const records: LogRecordEnvelope[] = [];
  let from = start;
  let answerRecordsMax = 0;
  for (let count = 0; count < readsMax; count += 1) {
    const last = await log.read(shardId, from);
    records.push(...last.records);
    answerRecordsMax = Math.max(answerRecordsMax, last.records.length);
    if (last.ended) return { records, last, answerRecordsMax };
    from = last.next;
  }
  throw new Error(`${log.uri} ${shardId}: not ended after ${readsMax} reads`);
}

export async function openShards(log: LogStore): Promise<readonly LogShard[]> {
  return (await log.describe()).shards.filter(shard => !shard.closed);
}

/** The shard of this id as the log describes it now. */
export async function shardOf(log: LogStore, shardId: string): Promise<LogShard> {
  const { shards } = await log.describe();
  return present(
    shards.find(shard => shard.shardId === shardId),
    `shard ${shardId}`,
  );
}
