/**
 * The ingesting side of group commit (DESIGN I8): writes the files of one shard's records, appends a message to the
 * commit log, and waits until the table's position has moved.
 */
import type { Clock } from '../../base/clock.ts';
import { LakeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { backoffMs } from '../../base/retry.ts';
import type { LogStore } from '../../storage/log-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Committer } from '../../table/commit/commit.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { bucketHashKey } from '../hash-key.ts';
import { loadState } from '../ingest/load-state.ts';
import type { ProducerState } from '../ingest/state.ts';
import { type Prepared, type ShardBatch, Take } from '../ingest/take.ts';
import { type CommitMessage, encodeCommitMessage } from './commit-message.ts';

export type SendParts = {
  readonly store: ObjectStore;
  readonly commitLog: LogStore;
  readonly clock: Clock;
  readonly random: Random;
};

export type SendOutcome =
  /** The table's position is where the message wanted it. */
  | { readonly status: 'committed'; readonly counters: Prepared['counters'] }
  /** It is elsewhere: read from there again. */
  | { readonly status: 'changed'; readonly detail: string }
  | { readonly status: 'fenced'; readonly detail: string };

const pollMs = { delayMsMin: 20, delayMsMax: 500 };
/** A message may have been dropped for good reasons; after this long without a move it is sent again. */
const resendMs = 5_000;

/** @throws LakeError `unavailable` LAKE_COMMIT_UNKNOWN when nothing moved before the deadline: the rows are still owed */
export async function commitByMessage(
  parts: SendParts,
  table: Table,
  committer: Committer,
  incarnation: string,
  batch: ShardBatch,
  options: { readonly deadlineMs: number; readonly signal?: AbortSignal | undefined },
): Promise<SendOutcome> {
  const { clock, random } = parts;
  const { through } = batch;
  if (through === undefined) return { status: 'changed', detail: 'there is nothing to take' };
  const take = new Take(table, parts.store, incarnation, [batch]);
  while (clock.monotonicMs() < options.deadlineMs) {
    const found = await committer.base();
    if (found.kind === 'fenced') return { status: 'fenced', detail: found.reason };
    const prepared = await take.prepare(found.base, undefined);
    if (prepared.status === 'stop') {
      const position = await positionOf(table, batch.shardId);
      if (position !== through.position) return { status: 'changed', detail: prepared.detail };
      return { status: 'changed', detail: 'it is there already' };
    }
    await send(parts, table, messageOf(table, incarnation, { ...batch, through }, prepared));
    const resendAtMs = clock.monotonicMs() + resendMs;
    for (let attempt = 0; clock.monotonicMs() < Math.min(resendAtMs, options.deadlineMs); attempt += 1) {
      const position = await positionOf(table, batch.shardId);
      if (position === through.position) return { status: 'committed', counters: prepared.counters };
      if (position !== batch.recorded) return { status: 'changed', detail: `shard ${batch.shardId} is at ${position}` };
      await clock.sleep(pollMs.delayMsMin + backoffMs(attempt, random, pollMs), options.signal);
    }
  }
  throw new LakeError(
    'unavailable',
    'LAKE_COMMIT_UNKNOWN',
    `${table.label}: no commit took shard ${batch.shardId} beyond ${batch.recorded ?? 'its beginning'} in time; is the commit function running?`,
  );
}

async function positionOf(table: Table, shardId: string): Promise<bigint | undefined> {
  const snapshot = await latestSnapshot(table);
  const state = snapshot === undefined ? undefined : await loadState(table, snapshot.properties);
  return state?.shards.get(shardId)?.position;
}

async function send({ commitLog }: SendParts, table: Table, message: CommitMessage): Promise<void> {
  const record = { hashKey: bucketHashKey(message.tableId, 0), data: encodeCommitMessage(message) };
  const [outcome] = await commitLog.append([record]);
  // Unanswered is as good as sent: a doubled message is dropped, a lost one is sent again.
  if (outcome?.status === 'failed') {
    throw new LakeError(
      'unavailable',
      'LAKE_LOG_UNAVAILABLE',
      `${commitLog.uri}: no commit message of ${table.label} was taken`,
      {
        cause: outcome.cause,
      },
    );
  }
}

function messageOf(
  table: Table,
  incarnation: string,
  { shardId, recorded, through, ended }: ShardBatch & { readonly through: NonNullable<ShardBatch['through']> },
  prepared: Prepared,
): CommitMessage {
  const producers = new Map<string, ProducerState>();
  for (const [key, producer] of prepared.tail.producers) {
    if (prepared.state.producers.get(key)?.lastNumber !== producer.lastNumber) producers.set(key, producer);
  }
  const began = [...prepared.adds, ...(prepared.letters === undefined ? [] : [prepared.letters])].map(
    ({ uploadBeganMs }) => uploadBeganMs ?? table.storeTimeMs(),
  );
  return {
    tableId: table.id ?? '',
    tableName: table.label,
    schemaId: prepared.schema.id,
    incarnation,
    shardId,
    from: recorded,
    to: through,
    ended,
    files: prepared.adds,
    producers,
    counters: prepared.counters,
    deadLetters: prepared.letters === undefined ? [] : [prepared.letters.file],
    uploadBeganMs: began.length === 0 ? table.storeTimeMs() : Math.min(...began),
  };
}
