/**
 * Whether the records that an invoker hands over may be taken as they are (DESIGN I1, I4, I5). Pure.
 *
 * An invoker promises each shard in order and without a hole. What shows that it did not, or that it began in the
 * middle, makes ingest read the log itself from the recorded position: nothing is skipped.
 */
import type { LogDescription } from '../../storage/log-store.ts';
import { countsRequests } from '../request-producer.ts';
import { type IngestState, type ProducerState, producerKey } from './state.ts';
import type { RoutedRecord } from './tail.ts';

export type TakeFacts = {
  readonly shardId: string;
  /** Records of one table, in the shard's order. */
  readonly records: readonly RoutedRecord[];
  /** undefined: the table has taken nothing from any log. */
  readonly state: IngestState | undefined;
  readonly description: LogDescription;
};

export type TakeDecision =
  /** All of it is in the table. */
  | { readonly kind: 'nothing' }
  /** Of a shard that nobody knows any more (I1). */
  | { readonly kind: 'stale' }
  /** These, and the position goes to the end of the batch. */
  | { readonly kind: 'take'; readonly recorded: bigint; readonly records: readonly RoutedRecord[] }
  /** The log is to be read from the recorded position. */
  | { readonly kind: 'read-log'; readonly why: string };

/** Clocks of a log's parts may differ by this much. */
const arrivalSkewMs = 60_000;

export function decideTake({ shardId, records, state, description }: TakeFacts): TakeDecision {
  const isListed = description.shards.some(shard => shard.shardId === shardId);
  const isSameLog = state?.incarnation === description.incarnation;
  const entry = isSameLog ? state.shards.get(shardId) : undefined;
  if (entry === undefined) {
    if (!isListed) return { kind: 'stale' };
    return { kind: 'read-log', why: isSameLog ? 'the shard is new to the table' : 'the log is new to the table' };
  }
  const above = records.filter(record => record.position > entry.position);
  if (above.length === 0) return { kind: 'nothing' };
  const why = breachOf(above, state?.producers ?? new Map(), entry.arrivalMs);
  // A shard that is listed no more cannot be read; what was handed over is all there is.
  if (why !== undefined && isListed) return { kind: 'read-log', why };
  return { kind: 'take', recorded: entry.position, records: above };
}

/**
 * The condition of a swap (I2): every shard is at the base where it was when its records were read.
 *
 * @returns what is otherwise; undefined: nothing
 */
export function movedShard(
  state: Pick<IngestState, 'shards'>,
  shards: readonly { readonly shardId: string; readonly recorded: bigint | undefined }[],
): string | undefined {
  for (const { shardId, recorded } of shards) {
    const position = state.shards.get(shardId)?.position;
    if (position !== recorded)
      return `shard ${shardId} is at ${position ?? 'nothing'}, not at ${recorded ?? 'nothing'}`;
  }
  return undefined;
}

/** Whether a record's number has been taken already in its lane: it is a repeat of its producer's (L1). */
export function isRepeated(known: Pick<ProducerState, 'lastNumber'> | undefined, producerNumber: number): boolean {
  return known !== undefined && producerNumber <= known.lastNumber;
}

/** A sign that something lies between the recorded position and these records that was not handed over. */
function breachOf(
  records: readonly RoutedRecord[],
  producers: IngestState['producers'],
  recordedArrivalMs: number,
): string | undefined {
  const older = records.find(({ arrivalMs }) => arrivalMs < recordedArrivalMs - arrivalSkewMs);
  if (older !== undefined) return `the record at ${older.position} is older than the position`;
  return skipIn(records, producers);
}

/** The first number that does not follow the one before it in its lane, where it should; undefined: none skips. */
export function skipIn(
  records: readonly RoutedRecord[],
  producers: ReadonlyMap<string, Pick<ProducerState, 'lastNumber'>>,
): string | undefined {
  const lastNumbers = new Map<string, number>();
  for (const { record, position } of records) {
    const { producerId, bucket, producerNumber } = record.header;
    if (countsRequests(producerId)) continue;
    const key = producerKey(producerId, bucket);
    // Numbers begin at 1, so a producer that is not known has sent others before.
    const last = lastNumbers.get(key) ?? producers.get(key)?.lastNumber ?? 0;
    if (producerNumber > last + 1) return `at ${position} producer ${key} skips from ${last} to ${producerNumber}`;
    lastNumbers.set(key, Math.max(last, producerNumber));
  }
  return undefined;
}
