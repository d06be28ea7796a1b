/**
 * Sends finished records to the log. A lane has one record under way (DESIGN L1), and a record that was not acknowledged
 * goes again: numbers tell repeats, also those of others who send the same records.
 */
import { present } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { isLakeError, LakeError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { backoffMs } from '../base/retry.ts';
import type { LogAppendOutcome, LogStore, LogStoreSupport } from '../storage/log-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { AcknowledgedRecord } from './acknowledged-record.ts';
import { writeClaim } from './claim.ts';
import { bucketHashKey } from './hash-key.ts';
import { encodeRecord, type LogRecord } from './log-record.ts';

export type SendRecordsParts = {
  readonly log: LogStore;
  /** For claim checks. */
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
};

/** How long a record is tried. */
const giveUpMs = 120_000;
const backoff = { delayMsMin: 20, delayMsMax: 2_000 };
/** Of a log that takes larger records, most are far smaller all the same, and a driver splits a call that becomes too large. */
const sharedCallRecordBytesMax = 1 << 20;

/**
 * Resolves when the log has them all.
 *
 * @param records in the order of their numbers in each lane
 * @returns where each is, in the order in which the log took them
 * @throws LakeError `unavailable` LAKE_LOG_UNKNOWN: some may not be there; LAKE_LOG_FULL
 */
export async function sendRecords(
  parts: SendRecordsParts,
  records: readonly LogRecord[],
  signal: AbortSignal | undefined,
): Promise<readonly AcknowledgedRecord[]> {
  const { log, clock, random } = parts;
  const lanesMax = lanesOfCallMax(log.supports);
  const lanes = new Map([...Map.groupBy(records, ({ header }) => header.bucket)].map(([id, all]) => [id, [...all]]));
  const acknowledged: AcknowledgedRecord[] = [];
  let progressMs = clock.monotonicMs();
  for (let attempt = 0; lanes.size > 0; attempt += 1) {
    if (attempt > 0) await clock.sleep(backoffMs(attempt, random, backoff), signal);
    signal?.throwIfAborted();
    const turn = [...lanes]
      .slice(0, lanesMax)
      .flatMap(([id, queue]) => queue.slice(0, 1).map(record => ({ id, record })));
    const entries = await Promise.all(turn.map(({ record }) => entryOf(parts, record)));
    const outcomes = await log.append(entries, { signal });
    for (const [index, outcome] of outcomes.entries()) {
      const id = turn[index]?.id ?? -1;
      if (outcome.status !== 'appended') throwIfFull(outcome);
      else {
        const sent = present(lanes.get(id)?.shift(), 'the record that was sent');
        acknowledged.push(acknowledgedRecord(sent, outcome));
        if (lanes.get(id)?.length === 0) lanes.delete(id);
        progressMs = clock.monotonicMs();
        attempt = -1;
      }
    }
    if (lanes.size > 0 && clock.monotonicMs() - progressMs > giveUpMs) throw noAnswer(log);
  }
  return acknowledged;
}

/** Lanes that share a call, each with a record. */
export function lanesOfCallMax({ appendRecordsMax, appendBytesMax, recordBytesMax }: LogStoreSupport): number {
  const bytes = Math.min(recordBytesMax, sharedCallRecordBytesMax);
  return Math.max(1, Math.min(appendRecordsMax, Math.floor(appendBytesMax / bytes)));
}

function acknowledgedRecord(
  { header: { producerId, bucket: lane, producerNumber: number, rowCount } }: LogRecord,
  { shardId, position }: { readonly shardId: string; readonly position: bigint },
): AcknowledgedRecord {
  return { producerId, lane, number, shardId, position, rowCount };
}

async function entryOf(
  parts: SendRecordsParts,
  record: LogRecord,
): Promise<{ readonly hashKey: bigint; readonly data: Uint8Array }> {
  const { header, body } = record;
  const hashKey = bucketHashKey(header.tableId, header.bucket);
  const data = encodeRecord(record);
  if (data.length <= parts.log.supports.recordBytesMax) return { hashKey, data };
  // A claim is as old as its record, or it may be gone before that.
  const claim = await writeClaim(parts, body);
  return { hashKey, data: encodeRecord({ header: { ...header, claim }, encoding: 'claim', body: new Uint8Array() }) };
}

/** Somebody has to free space first, and must hear of it now. */
function throwIfFull(outcome: LogAppendOutcome): void {
  if (outcome.status === 'failed' && isLakeError(outcome.cause, 'LAKE_LOG_FULL')) throw outcome.cause;
}

function noAnswer(log: LogStore): LakeError {
  const message = `${log.uri}: records were not acknowledged in ${giveUpMs} ms and may or may not be there; send them again`;
  return new LakeError('unavailable', 'LAKE_LOG_UNKNOWN', message);
}
