/**
 * The ingesting side of group commit (DESIGN I8): writes the files of one shard's records, appends a message to the
 * commit log, and waits until the table's position has moved.
 *
 * What becomes of a message need not be known: the position tells. At its end, the rows are in the table; elsewhere,
 * somebody else has taken some of them; where it was, the message is sent again.
 */
import { assert } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import { LakeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { backoffMs } from '../../base/retry.ts';
import { noSpans, type Spans } from '../../base/spans.ts';
import type { LogShard, LogStore } from '../../storage/log-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Table } from '../../table/table.ts';
import { bucketHashKey } from '../hash-key.ts';
import { loadState } from '../ingest/load-state.ts';
import type { IngestCounters } from '../ingest/state.ts';
import { type Prepared, type ShardBatch, Take } from '../ingest/take.ts';
import type { OpenedTable } from '../table-registry.ts';
import { type CommitMessage, encodeCommitMessage } from './commit-message.ts';

export type SendParts = {
  readonly store: ObjectStore;
  readonly commitLog: LogStore;
  readonly clock: Clock;
  readonly random: Random;
};

export type SendInput = {
  readonly incarnation: string;
  /** `through` is set: there is something to take. */
  readonly batch: ShardBatch;
  readonly retentionMs: number | undefined;
  /** The log's shards. */
  readonly listed: readonly LogShard[];
  /** On `clock.monotonicMs`. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly spans?: Spans | undefined;
};

export type LogPosition = { readonly shardId: string; readonly position: bigint };

export type SendOutcome =
  /** The table's position is where the message wanted it. */
  | {
      readonly status: 'committed';
      readonly counters: IngestCounters;
      /** The newest snapshot when that was seen. */
      readonly headId: number;
      /** Of the message that was sent last; undefined: the commit log did not answer. */
      readonly message: LogPosition | undefined;
    }
  /** It is elsewhere: read from there again. */
  | { readonly status: 'changed'; readonly detail: string }
  /** The message would be larger than a record of the commit log. */
  | { readonly status: 'too-large' }
  | { readonly status: 'fenced'; readonly detail: string };

const pollBackoff = { delayMsMin: 40, delayMsMax: 1_000 };
const pollMsMin = 10;
/** A message may have been lost, or dropped for good reasons; after this long without a move it is sent again. */
const resendMs = 5_000;

/** @throws LakeError `unavailable` LAKE_COMMIT_UNKNOWN when nothing moved before the deadline: the rows are still owed */
export async function commitByMessage(
  parts: SendParts,
  { table, committer }: OpenedTable,
  input: SendInput,
): Promise<SendOutcome> {
  const { clock, random } = parts;
  const { incarnation, batch, retentionMs, listed, deadlineMs, signal, spans = noSpans } = input;
  const { through, shardId } = batch;
  assert(through !== undefined, 'there is something to take');
  const take = new Take(table, parts.store, { incarnation, shards: [batch], retentionMs, listed });
  while (clock.monotonicMs() < deadlineMs) {
    const found = await committer.base({ isFresh: true });
    if (found.kind === 'fenced') return { status: 'fenced', detail: found.reason };
    const notes = { table: table.label, shard: shardId };
    const prepared = await spans.run('write', notes, () => take.prepare(found.base, undefined));
    if (prepared.status === 'stop') return { status: 'changed', detail: prepared.detail };
    const data = encodeCommitMessage(commitMessageOf(table, incarnation, { ...batch, through }, prepared));
    if (data.length > parts.commitLog.supports.recordBytesMax) return { status: 'too-large' };
    const message = await send(parts, table, data, signal);
    const resendAtMs = Math.min(clock.monotonicMs() + resendMs, deadlineMs);
    for (let attempt = 0; clock.monotonicMs() < resendAtMs; attempt += 1) {
      await clock.sleep(pollMsMin + backoffMs(attempt, random, pollBackoff), signal);
      if (!(await committer.hasNewer())) continue;
      const base = await committer.base({ isFresh: true });
      if (base.kind === 'fenced') return { status: 'fenced', detail: base.reason };
      const state = await loadState(table, base.base.properties);
      const position = state?.incarnation === incarnation ? state.shards.get(shardId)?.position : undefined;
      if (position === through.position) {
        const headId = base.base.snapshot?.id ?? 0;
        return { status: 'committed', counters: prepared.counters, headId, message };
      }
      if (position !== batch.recorded) return { status: 'changed', detail: `shard ${shardId} is at ${position}` };
    }
  }
  const from = batch.recorded ?? 'its beginning';
  throw new LakeError(
    'unavailable',
    'LAKE_COMMIT_UNKNOWN',
    `${table.label}: nobody has committed shard ${shardId} beyond ${from} in time; is the commit function running?`,
  );
}

async function send(
  { commitLog }: SendParts,
  table: Table,
  data: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<LogPosition | undefined> {
  const [outcome] = await commitLog.append([{ hashKey: bucketHashKey(table.id ?? '', 0), data }], { signal });
  // Unanswered is as good as sent: a doubled message is dropped, a lost one is sent again.
  if (outcome?.status === 'appended') return { shardId: outcome.shardId, position: outcome.position };
  if (outcome?.status !== 'failed') return undefined;
  throw new LakeError(
    'unavailable',
    'LAKE_LOG_UNAVAILABLE',
    `${commitLog.uri}: a commit message of ${table.label} was not taken`,
    { cause: outcome.cause },
  );
}

export function commitMessageOf(
  table: Table,
  incarnation: string,
  { shardId, recorded, through, ended }: ShardBatch & { readonly through: NonNullable<ShardBatch['through']> },
  { schema, adds, changelog, producers, forgotten, counters, letters, origins, events }: Prepared,
): CommitMessage {
  const began = [...adds, ...changelog, ...(letters === undefined ? [] : [letters])].map(
    ({ uploadBeganMs }) => uploadBeganMs ?? table.storeTimeMs(),
  );
  return {
    tableId: table.id ?? '',
    tableName: table.label,
    schemaId: schema.id,
    incarnation,
    shardId,
    from: recorded,
    to: through,
    ended,
    files: adds,
    changelog,
    producers,
    forgotten,
    counters,
    events,
    deadLetters: letters === undefined ? [] : [letters.file],
    origins,
    uploadBeganMs: began.length === 0 ? table.storeTimeMs() : Math.min(...began),
  };
}
