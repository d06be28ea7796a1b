/**
 * Appending through PutRecords.
 *
 * PutRecords takes some records of a call and leaves others, and says nothing of their order. So a call carries at most
 * one record of a hash key; the next one goes when the former has been taken. A record that is left (throttled) or whose
 * call went unanswered is sent again with back-off; when its tries are used up, the later ones of its hash key are not
 * sent at all. What was unanswered once and then never taken for sure stays `unanswered`.
 */
import { assert, present } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { backoffMs } from '../../base/retry.ts';
import { logUnavailable } from '../log-errors.ts';
import type { LogAppend, LogAppendOutcome } from '../log-store.ts';
import { failureOf, type KinesisFailure, wholeCallError } from './kinesis-connection.ts';

/** What PutRecords says of one record; everything may be absent, since it comes from the network. */
export type PutAnswer = {
  readonly SequenceNumber?: string | undefined;
  readonly ShardId?: string | undefined;
  readonly ErrorCode?: string | undefined;
  readonly ErrorMessage?: string | undefined;
};
export type PutRecords = (records: readonly LogAppend[]) => Promise<readonly PutAnswer[]>;

export type KinesisAppendSettings = {
  readonly uri: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal | undefined;
  /** Most bytes of one call, partition keys included. */
  readonly callBytesMax: number;
};

/** Of PutRecords, by the service. */
export const callRecordsMax = 500;
/** What a record takes beside its data: its partition key. */
export const partitionKeyBytes = 32;
/** With the back-off below about half a minute: a shard that is merely full gets through. */
const attemptsMax = 12;
const backoff = { delayMsMin: 50, delayMsMax: 5_000 };

/** Records of one hash key that are not settled yet, by their index in the call. */
type Lane = { readonly indexes: number[]; attempts: number; maybe: { readonly cause: unknown } | undefined };

export async function appendInOrder(
  records: readonly LogAppend[],
  put: PutRecords,
  settings: KinesisAppendSettings,
): Promise<readonly LogAppendOutcome[]> {
  const outcomes: (LogAppendOutcome | undefined)[] = new Array(records.length).fill(undefined);
  const lanes = lanesOf(records);
  while (lanes.size > 0) {
    settings.signal?.throwIfAborted();
    const batch = nextBatch(records, lanes, settings.callBytesMax);
    const answers = await putOnce(
      batch.map(({ index }) => present(records[index], 'record')),
      put,
      settings,
    );
    if (answers.kind === 'fatal') {
      const nothingTaken = outcomes.every(outcome => outcome === undefined || outcome.status === 'failed');
      if (nothingTaken && [...lanes.values()].every(({ maybe }) => maybe === undefined)) throw answers.cause;
      for (const [hashKey, lane] of lanes) giveUp(hashKey, lane, lanes, outcomes, answers.cause);
      break;
    }
    let worstAttempts = 0;
    for (const [order, { hashKey, index }] of batch.entries()) {
      const lane = present(lanes.get(hashKey), 'lane of a record that was sent');
      const answer = present(answers.records[order], 'answer');
      if (answer.kind === 'taken') {
        outcomes[index] = { status: 'appended', shardId: answer.shardId, position: answer.position };
        lane.indexes.shift();
        lane.attempts = 0;
        lane.maybe = undefined;
        if (lane.indexes.length === 0) lanes.delete(hashKey);
        continue;
      }
      lane.attempts += 1;
      if (answer.kind === 'maybe') lane.maybe = { cause: answer.cause };
      if (answer.kind === 'refused' || lane.attempts >= attemptsMax)
        giveUp(hashKey, lane, lanes, outcomes, answer.cause);
      else worstAttempts = Math.max(worstAttempts, lane.attempts);
    }
    if (worstAttempts > 0) {
      await settings.clock.sleep(backoffMs(worstAttempts - 1, settings.random, backoff) + 1, settings.signal);
    }
  }
  return outcomes.map(outcome => present(outcome, 'outcome of each record'));
}

function lanesOf(records: readonly LogAppend[]): Map<bigint, Lane> {
  const lanes = new Map<bigint, Lane>();
  for (const [index, { hashKey }] of records.entries()) {
    const lane = lanes.get(hashKey);
    if (lane === undefined) lanes.set(hashKey, { indexes: [index], attempts: 0, maybe: undefined });
    else lane.indexes.push(index);
  }
  return lanes;
}

type Sent = { readonly hashKey: bigint; readonly index: number };

/** The first record of as many lanes as one call takes. */
function nextBatch(records: readonly LogAppend[], lanes: ReadonlyMap<bigint, Lane>, bytesMax: number): readonly Sent[] {
  const batch: Sent[] = [];
  let bytes = 0;
  for (const [hashKey, { indexes }] of lanes) {
    const index = present(indexes[0], 'a lane has a record');
    bytes += present(records[index], 'record').data.byteLength + partitionKeyBytes;
    if (batch.length > 0 && bytes > bytesMax) break;
    batch.push({ hashKey, index });
    if (batch.length === callRecordsMax) break;
  }
  return batch;
}

/** Settles a lane: its first record, and those behind it, which are not sent. */
function giveUp(
  hashKey: bigint,
  lane: Lane,
  lanes: Map<bigint, Lane>,
  outcomes: (LogAppendOutcome | undefined)[],
  cause: unknown,
): void {
  const [first, ...behind] = lane.indexes;
  assert(first !== undefined, 'a lane has a record');
  outcomes[first] =
    lane.maybe === undefined ? { status: 'failed', cause } : { status: 'unanswered', cause: lane.maybe.cause };
  for (const index of behind) outcomes[index] = { status: 'failed', cause };
  lanes.delete(hashKey);
}

type RecordAnswer =
  | { readonly kind: 'taken'; readonly shardId: string; readonly position: bigint }
  /** Left, may be sent again; perhaps taken; will never be taken. */
  | { readonly kind: 'left' | 'maybe' | 'refused'; readonly cause: unknown };
type CallAnswers =
  | { readonly kind: 'records'; readonly records: readonly RecordAnswer[] }
  | { readonly kind: 'fatal'; readonly cause: unknown };

const answerKindByFailure: Readonly<Record<KinesisFailure, 'left' | 'maybe' | 'refused' | 'fatal'>> = {
  throttled: 'left',
  unanswered: 'maybe',
  refused: 'fatal',
  missing: 'fatal',
  denied: 'fatal',
  misconfigured: 'fatal',
  'iterator-expired': 'fatal',
  'unknown-operation': 'fatal',
};

async function putOnce(
  batch: readonly LogAppend[],
  put: PutRecords,
  settings: KinesisAppendSettings,
): Promise<CallAnswers> {
  const { uri, signal } = settings;
  try {
    const answers = await put(batch);
    if (answers.length === batch.length)
      return { kind: 'records', records: answers.map(each => recordAnswer(uri, each)) };
    const cause = logUnavailable(uri, new Error(`${answers.length} answers to ${batch.length} records`));
    return { kind: 'records', records: batch.map(() => ({ kind: 'maybe', cause })) };
  } catch (error) {
    signal?.throwIfAborted();
    const kind = answerKindByFailure[failureOf(error)];
    if (kind === 'fatal') return { kind, cause: wholeCallError(uri, error) };
    const cause = logUnavailable(uri, error);
    return { kind: 'records', records: batch.map(() => ({ kind, cause })) };
  }
}

function recordAnswer(uri: string, answer: PutAnswer): RecordAnswer {
  const { SequenceNumber, ShardId, ErrorCode, ErrorMessage } = answer;
  if (ErrorCode === undefined) {
    if (SequenceNumber !== undefined && /^\d+$/.test(SequenceNumber) && ShardId !== undefined) {
      return { kind: 'taken', shardId: ShardId, position: BigInt(SequenceNumber) };
    }
    return { kind: 'maybe', cause: logUnavailable(uri, new Error('an answer without a sequence number')) };
  }
  const cause = logUnavailable(uri, new Error(`${ErrorCode}: ${ErrorMessage ?? ''}`));
  if (ErrorCode === 'InternalFailure') return { kind: 'maybe', cause };
  return { kind: ErrorCode === 'InvalidArgumentException' ? 'refused' : 'left', cause };
}
