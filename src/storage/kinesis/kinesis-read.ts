/**
 * Reading a shard through GetShardIterator and GetRecords.
 *
 * What the service's answers mean here:
 * - MillisBehindLatest 0 says that nothing is behind this answer, unless the answer was cut by a limit of its own; so a
 *   full answer is never called the tip.
 * - An empty answer with MillisBehindLatest above 0 is no end; its next iterator is farther on and is kept.
 * - No next iterator: the shard is closed and read to its end.
 * - A start below what retention has left begins silently at the oldest record. To notice, a read `after` a position
 *   begins *at* it: the record itself must come first. When it does not, what followed may be gone: a gap, unless
 *   `tipMs` shows that nothing followed until a time that is still kept.
 */
import type { _Record as KinesisRecord } from '@aws-sdk/client-kinesis';
import { unreachable } from '../../base/assert.ts';
import { badPosition, logCorrupt, logNotFound } from '../log-errors.ts';
import type { LogReadOptions, LogReadResult, LogRecordEnvelope, LogStart } from '../log-store.ts';
import { failureOf, wholeCallError } from './kinesis-connection.ts';
import type { Cursor, CursorSkip, Cursors } from './kinesis-cursors.ts';

export type IteratorStart =
  | { readonly type: 'TRIM_HORIZON' | 'LATEST' }
  | { readonly type: 'AT_SEQUENCE_NUMBER'; readonly position: bigint }
  | { readonly type: 'AT_TIMESTAMP'; readonly arrivalMs: number };

export type RecordsAnswer = {
  readonly Records?: readonly KinesisRecord[] | undefined;
  readonly NextShardIterator?: string | undefined;
  readonly MillisBehindLatest?: number | undefined;
};

/** The calls a read makes; each is tried again as long as that may help. */
export type KinesisReadCalls = {
  readonly uri: string;
  /** Largest record. */
  readonly recordBytesMax: number;
  iterator(shardId: string, start: IteratorStart, signal: AbortSignal | undefined): Promise<string>;
  /** The same for AT_TIMESTAMP; undefined when the service leaves it without an answer, as an emulator does. */
  iteratorAtTime(shardId: string, arrivalMs: number, signal: AbortSignal | undefined): Promise<string | undefined>;
  records(iterator: string, signal: AbortSignal | undefined): Promise<RecordsAnswer>;
  isListed(shardId: string, signal: AbortSignal | undefined): Promise<boolean>;
  /** Records that arrived from then on are all still kept; of a young stream, from its making on. */
  keptSinceMs(signal: AbortSignal | undefined): Promise<number>;
  /** The service's clock. */
  serverNowMs(): number;
  /** A name no other pin has. */
  uuid(): string;
};

/** Records of one answer, as many as the service gives at most. */
export const answerRecordsMax = 10_000;
/** The service gives up to 10 MiB at once. */
const answerBytesMax = 10 << 20;
/** An answer below this was surely not cut by its size, unless records are large. */
const answerBytesSure = 4 << 20;
const readRecordsMaxDefault = 10_000;
const readBytesMaxDefault = 4 << 20;
/** How often a read makes its iterator anew when the service says it has expired. */
const expiriesMax = 3;
/** The service's clock is told in whole seconds, and its machines' clocks differ a little. */
export const clockSlackMs = 2_000;

type Reading = {
  readonly calls: KinesisReadCalls;
  readonly cursors: Cursors;
  readonly shardId: string;
  readonly from: LogStart;
  readonly signal: AbortSignal | undefined;
};

export async function readKinesisShard(
  calls: KinesisReadCalls,
  cursors: Cursors,
  place: { readonly shardId: string; readonly from: LogStart },
  options: LogReadOptions | undefined,
): Promise<LogReadResult> {
  const reading = { calls, cursors, ...place, signal: options?.signal };
  if (place.from.kind === 'latest') return await pinLatest(reading);
  for (let expiries = 0; ; expiries += 1) {
    try {
      return await readAt(reading, options);
    } catch (error) {
      options?.signal?.throwIfAborted();
      if (failureOf(error) !== 'iterator-expired' || expiries >= expiriesMax) throw wholeCallError(calls.uri, error);
      cursors.delete(place.shardId, place.from);
    }
  }
}

/** Keeps an iterator at the tip. Its time is for handles that do not have the iterator: earlier, never later. */
async function pinLatest({ calls, cursors, shardId, signal }: Reading): Promise<LogReadResult> {
  const arrivalMs = calls.serverNowMs() - clockSlackMs;
  const iterator = await makeIterator(calls, shardId, { type: 'LATEST' }, signal);
  const next: LogStart = { kind: 'timestamp', arrivalMs, pin: calls.uuid() };
  cursors.set(shardId, next, { iterator, leftover: [], atTip: true, behindMs: 0, skip: { kind: 'nothing' } });
  return { records: [], next, atTip: true, ended: false, gap: false, behindMs: 0 };
}

type Opened = { readonly cursor: Cursor; readonly gap: boolean };

async function readAt(reading: Reading, options: LogReadOptions | undefined): Promise<LogReadResult> {
  const { cursors, shardId, from } = reading;
  const known = cursors.get(shardId, from);
  const opened = known === undefined ? await openCursor(reading) : { cursor: known, gap: false };
  const hadLeftover = opened.cursor.leftover.length > 0;
  const filled = hadLeftover ? opened : await fetchRecords(reading, opened);
  const { cursor } = filled;
  const taken = takeWithin(cursor.leftover, options);
  const leftover = cursor.leftover.slice(taken.length);
  const ended = cursor.iterator === undefined && leftover.length === 0;
  const atTip = leftover.length === 0 && (ended || cursor.atTip);
  const next = nextStart(reading, taken, atTip);
  // Records that were kept for this place alone have moved on; an iterator is still good for reading it again.
  if (hadLeftover) cursors.delete(shardId, from);
  else if (taken.length > 0 && known === undefined && !filled.gap) cursors.set(shardId, from, opened.cursor);
  cursors.set(shardId, next, { ...cursor, leftover });
  return { records: taken, next, atTip, ended, gap: filled.gap, behindMs: cursor.behindMs };
}

function nextStart({ calls, from }: Reading, taken: readonly LogRecordEnvelope[], atTip: boolean): LogStart {
  const last = taken.at(-1);
  const tip = atTip ? { tipMs: calls.serverNowMs() - clockSlackMs } : {};
  if (last !== undefined) return { kind: 'after', position: last.position, ...tip };
  return from.kind === 'after' ? { ...from, ...tip } : from;
}

/** One GetRecords; the records that count are the cursor's leftover then. */
async function fetchRecords({ calls, from, signal }: Reading, { cursor, gap }: Opened): Promise<Opened> {
  if (cursor.iterator === undefined) return { cursor: { ...cursor, atTip: true }, gap };
  const answer = await calls.records(cursor.iterator, signal);
  const records = (answer.Records ?? []).map(record => envelopeOf(calls.uri, record));
  const bytes = records.reduce((sum, record) => sum + record.data.byteLength, 0);
  const bytesSure = Math.min(answerBytesSure, answerBytesMax - calls.recordBytesMax);
  const cut = records.length >= answerRecordsMax || (records.length > 0 && bytes >= bytesSure);
  const atTip = answer.NextShardIterator === undefined || (answer.MillisBehindLatest === 0 && !cut);
  const skipped = skipRecords(cursor.skip, records, atTip);
  const lost = skipped.missing && !(await isProvenTip(calls, from, signal));
  return {
    cursor: {
      iterator: answer.NextShardIterator,
      leftover: skipped.records,
      atTip,
      behindMs: answer.MillisBehindLatest,
      skip: skipped.skip,
    },
    gap: gap || lost,
  };
}

type Skipped = {
  readonly records: readonly LogRecordEnvelope[];
  readonly skip: CursorSkip;
  /** The record that had to come first is not kept any more. */
  readonly missing: boolean;
};

/** Decides what of an answer the reader asked for. */
export function skipRecords(skip: CursorSkip, records: readonly LogRecordEnvelope[], atTip: boolean): Skipped {
  const nothing: CursorSkip = { kind: 'nothing' };
  switch (skip.kind) {
    case 'nothing':
      return { records, skip, missing: false };
    case 'through': {
      const [first] = records;
      if (first === undefined) return { records, skip: atTip ? nothing : skip, missing: atTip };
      const above = records.filter(({ position }) => position > skip.position);
      return { records: above, skip: nothing, missing: first.position !== skip.position };
    }
    case 'up-to': {
      const above = records.filter(({ position }) => position > skip.position);
      return { records: above, skip: above.length > 0 ? nothing : skip, missing: false };
    }
    case 'until-time': {
      const index = records.findIndex(({ arrivalMs }) => arrivalMs >= skip.arrivalMs);
      return index === -1
        ? { records: [], skip, missing: false }
        : { records: records.slice(index), skip: nothing, missing: false };
    }
    default:
      return unreachable(skip);
  }
}

/** Whether nothing that followed a position can have been lost, although the record at it is gone. */
async function isProvenTip(calls: KinesisReadCalls, from: LogStart, signal: AbortSignal | undefined): Promise<boolean> {
  if (from.kind !== 'after' || from.tipMs === undefined) return false;
  return from.tipMs >= (await calls.keptSinceMs(signal)) + clockSlackMs;
}

async function openCursor(reading: Reading): Promise<Opened> {
  const { calls, shardId, from, signal } = reading;
  switch (from.kind) {
    case 'earliest':
    case 'latest':
      return { cursor: cursorAt(await makeIterator(calls, shardId, { type: 'TRIM_HORIZON' }, signal)), gap: false };
    case 'after':
      return await openAfter(reading, from.position);
    case 'timestamp':
      return await openAtTime(reading, Math.floor(from.arrivalMs));
    default:
      return unreachable(from);
  }
}

async function openAfter({ calls, shardId, from, signal }: Reading, position: bigint): Promise<Opened> {
  try {
    const iterator = await calls.iterator(shardId, { type: 'AT_SEQUENCE_NUMBER', position }, signal);
    return { cursor: cursorAt(iterator, { kind: 'through', position }), gap: false };
  } catch (error) {
    signal?.throwIfAborted();
    const failure = failureOf(error);
    const where = `${calls.uri} ${shardId}`;
    if (failure === 'refused') throw badPosition(where, position, 'is none of this shard');
    if (failure !== 'missing') throw error;
    // The stream or the shard is gone; or the record alone, which one emulator says in the same words.
    if (!(await calls.isListed(shardId, signal))) throw logNotFound(where, 'the shard is not listed (any more)', error);
    const iterator = await makeIterator(calls, shardId, { type: 'TRIM_HORIZON' }, signal);
    const gap = !(await isProvenTip(calls, from, signal));
    return { cursor: cursorAt(iterator, { kind: 'up-to', position }), gap };
  }
}

async function openAtTime({ calls, shardId, signal }: Reading, arrivalMs: number): Promise<Opened> {
  const skip: CursorSkip = { kind: 'until-time', arrivalMs };
  const gap = arrivalMs < (await calls.keptSinceMs(signal));
  try {
    const iterator = await calls.iteratorAtTime(shardId, arrivalMs, signal);
    if (iterator !== undefined) return { cursor: cursorAt(iterator, skip), gap };
    return { cursor: cursorAt(await makeIterator(calls, shardId, { type: 'TRIM_HORIZON' }, signal), skip), gap };
  } catch (error) {
    signal?.throwIfAborted();
    if (failureOf(error) !== 'refused') throw error;
    // A time that is still to come is refused: everything up to now is before it.
    return { cursor: cursorAt(await makeIterator(calls, shardId, { type: 'LATEST' }, signal), skip), gap: false };
  }
}

async function makeIterator(
  calls: KinesisReadCalls,
  shardId: string,
  start: IteratorStart,
  signal: AbortSignal | undefined,
): Promise<string> {
  try {
    return await calls.iterator(shardId, start, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (failureOf(error) !== 'missing') throw wholeCallError(calls.uri, error);
    throw logNotFound(`${calls.uri} ${shardId}`, 'there is no such stream or shard', error);
  }
}

function cursorAt(iterator: string, skip: CursorSkip = { kind: 'nothing' }): Cursor {
  return { iterator, leftover: [], atTip: false, behindMs: undefined, skip };
}

export function takeWithin(
  records: readonly LogRecordEnvelope[],
  options: LogReadOptions | undefined,
): readonly LogRecordEnvelope[] {
  const recordsMax = options?.recordsMax ?? readRecordsMaxDefault;
  const bytesMax = options?.bytesMax ?? readBytesMaxDefault;
  let bytes = 0;
  const end = records.findIndex((record, index) => {
    bytes += record.data.byteLength;
    return index >= recordsMax || (index > 0 && bytes > bytesMax);
  });
  return end === -1 ? records : records.slice(0, end);
}

export function envelopeOf(uri: string, record: KinesisRecord): LogRecordEnvelope {
  const { SequenceNumber, Data, ApproximateArrivalTimestamp } = record;
  const arrivalMs = ApproximateArrivalTimestamp?.getTime() ?? Number.NaN;
  if (SequenceNumber === undefined || !/^\d+$/.test(SequenceNumber) || Data === undefined || Number.isNaN(arrivalMs)) {
    throw logCorrupt(uri, 'the service gives a record without position, data or time of arrival');
  }
  return { position: BigInt(SequenceNumber), arrivalMs, data: Data };
}
