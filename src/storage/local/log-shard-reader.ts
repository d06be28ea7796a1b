/**
 * Reading one shard of a local log: finds the segment of a place and gives whole records up to the head's end. What lies
 * beyond the end (an append under way, the torn tail of a dead process) is never looked at; what lies before it and is
 * not whole is LAKE_LOG_CORRUPT.
 */
import { unreachable } from '../../base/assert.ts';
import { badPosition, logCorrupt } from '../log-errors.ts';
import type { LogReadOptions, LogReadResult, LogRecordEnvelope, LogStart } from '../log-store.ts';
import { readFrame } from './log-frame.ts';
import { headerBytes, type LogHead, segmentFileName } from './log-layout.ts';
import type { OpenSegment, ShardFiles } from './log-shard-files.ts';

const readRecordsMaxDefault = 10_000;
const readBytesMaxDefault = 4 << 20;
/** One read of a file; more is asked for when the first record is larger. */
const chunkBytesMin = 64 << 10;
const chunkBytesMax = 8 << 20;
/** Records looked at together in a search for a time. */
const searchRecordsMax = 100_000;
const searchBytesMax = 1 << 20;
/** Looks at a folder whose segments retention is just removing. */
const locateTriesMax = 10;

type Limits = { readonly recordsMax: number; readonly bytesMax: number };
/** Part of a segment, from a place on. */
type Stretch = { readonly segment: OpenSegment; readonly place: number; readonly segmentEnd: number };
type Found = { readonly records: readonly LogRecordEnvelope[]; readonly gap: boolean };

export async function readShard(files: ShardFiles, from: LogStart, options?: LogReadOptions): Promise<LogReadResult> {
  const head = await files.readHead();
  const limits = {
    recordsMax: options?.recordsMax ?? readRecordsMaxDefault,
    bytesMax: options?.bytesMax ?? readBytesMaxDefault,
  };
  const found = await findRecords(files, { from, head, limits });
  const last = found.records.at(-1);
  const atTip = last === undefined || last.position === BigInt(head.end);
  return {
    records: found.records,
    next: nextStart(from, head, last),
    atTip,
    ended: false,
    gap: found.gap,
    behindMs: atTip ? 0 : Math.max(0, head.lastArrivalMs - (last?.arrivalMs ?? 0)),
  };
}

/** Whether a read from here would give something. */
export async function hasMore(files: ShardFiles, from: LogStart): Promise<boolean> {
  const head = await files.readHead();
  switch (from.kind) {
    case 'latest':
      return false;
    case 'earliest':
      return ((await files.segmentStarts(head))[0] ?? head.end) < head.end;
    case 'after':
      return BigInt(head.end) > from.position;
    case 'timestamp':
      return head.end > 0 && head.lastArrivalMs >= from.arrivalMs;
    default:
      return unreachable(from);
  }
}

function nextStart(from: LogStart, head: LogHead, last: LogRecordEnvelope | undefined): LogStart {
  if (last !== undefined) return { kind: 'after', position: last.position };
  return from.kind === 'latest' ? { kind: 'after', position: BigInt(head.end) } : from;
}

type Search = { readonly from: LogStart; readonly head: LogHead; readonly limits: Limits };

async function findRecords(files: ShardFiles, { from, head, limits }: Search): Promise<Found> {
  switch (from.kind) {
    case 'latest':
      return { records: [], gap: false };
    case 'earliest':
      // It asks for what is kept, so what is not kept is no gap for it.
      return { ...(await readFrom(files, 0, head, limits)), gap: false };
    case 'after':
      if (from.position < 0n || from.position > BigInt(head.end)) {
        throw badPosition(files.settings.where, from.position, `was never given, the shard ends at ${head.end}`);
      }
      return await readFrom(files, Number(from.position), head, limits);
    case 'timestamp': {
      if (head.end === 0 || head.lastArrivalMs < from.arrivalMs) return { records: [], gap: false };
      const { place, gap } = await findTime(files, from.arrivalMs, head);
      const found = await readFrom(files, place, head, limits);
      return { records: found.records, gap: gap || found.gap };
    }
    default:
      return unreachable(from);
  }
}

/** Reads from the segment that holds a place; where retention has passed it, from the first kept one: a gap. */
async function readFrom(files: ShardFiles, place: number, head: LogHead, limits: Limits): Promise<Found> {
  let starts = await files.segmentStarts(head);
  for (let attempt = 0; attempt < locateTriesMax; attempt += 1) {
    const index = starts.findLastIndex(start => start <= place);
    const gap = index < 0;
    const segmentStart = starts[Math.max(0, index)] ?? 0;
    const segmentEnd = starts[Math.max(0, index) + 1] ?? head.end;
    const first = Math.max(place, segmentStart);
    if (first === head.end) return { records: [], gap };
    const records = await files.useSegment(segmentStart, segment =>
      readRecords(files, { segment, place: first, segmentEnd }, limits),
    );
    if (records !== undefined) return { records, gap };
    // Retention has just removed it.
    starts = await files.refreshSegments(head);
  }
  throw logCorrupt(files.settings.where, `no segment of place ${place} can be opened`);
}

/** Whole records, at least one: a stretch is never empty. */
async function readRecords(files: ShardFiles, stretch: Stretch, limits: Limits): Promise<LogRecordEnvelope[]> {
  const { place, segment, segmentEnd } = stretch;
  const bytesLeft = segmentEnd - place;
  const chunkBytes = Math.min(
    Math.max(limits.bytesMax, chunkBytesMin),
    limits.recordsMax * chunkBytesMin,
    chunkBytesMax,
  );
  let chunk = await readChunk(files, segment, place, Math.min(bytesLeft, chunkBytes));
  const first = readFrame(chunk, 0, place);
  if (first.kind === 'short') chunk = await readWhole(files, stretch, chunk);
  const records: LogRecordEnvelope[] = [];
  let offset = 0;
  let bytes = 0;
  while (offset < chunk.byteLength && records.length < limits.recordsMax) {
    const read = readFrame(chunk, offset, place);
    if (read.kind === 'bad') throw badRecord(files, segment, place + offset, read.why);
    if (read.kind === 'short') {
      if (place + offset + read.bytesNeeded > segmentEnd)
        throw badRecord(files, segment, place + offset, 'it is cut off');
      break;
    }
    bytes += read.record.data.byteLength;
    if (records.length > 0 && bytes > limits.bytesMax) break;
    records.push(read.record);
    offset += read.frameBytes;
  }
  return records;
}

/** A chunk that holds all of its first frame. */
async function readWhole(files: ShardFiles, stretch: Stretch, chunk: Uint8Array): Promise<Uint8Array> {
  const { place, segment, segmentEnd } = stretch;
  let whole = chunk;
  // Twice at most: the header, then the data whose length it tells.
  for (let round = 0; round < 2; round += 1) {
    const read = readFrame(whole, 0, place);
    if (read.kind !== 'short') break;
    if (place + read.bytesNeeded > segmentEnd) throw badRecord(files, segment, place, 'it is cut off');
    whole = await readChunk(files, segment, place, read.bytesNeeded);
  }
  return whole;
}

async function readChunk(files: ShardFiles, segment: OpenSegment, place: number, length: number): Promise<Uint8Array> {
  const slab = Buffer.allocUnsafeSlow(length);
  const bytes = new Uint8Array(slab.buffer, slab.byteOffset, length);
  const offset = headerBytes + place - segment.header.start;
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await segment.file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw badRecord(files, segment, place + filled, 'the file ends before the shard does');
    filled += bytesRead;
  }
  return bytes;
}

/**
 * The place of the first record that arrived at or after a time, which is not after the last record's. Segments tell the
 * arrival before them, so that only one is searched.
 */
async function findTime(
  files: ShardFiles,
  arrivalMs: number,
  head: LogHead,
): Promise<{ readonly place: number; readonly gap: boolean }> {
  const starts = await files.refreshSegments(head);
  for (let index = starts.length - 1; index >= 0; index -= 1) {
    const segmentEnd = starts[index + 1] ?? head.end;
    const place = await files.useSegment(starts[index] ?? 0, async segment => {
      const { start, previousArrivalMs } = segment.header;
      if (start > 0 && previousArrivalMs >= arrivalMs) return start;
      return await searchSegment(files, { segment, place: start, segmentEnd }, arrivalMs);
    });
    // Removed by retention meanwhile, as all before it.
    if (place === undefined) return { place: segmentEnd, gap: true };
    if (place !== starts[index]) return { place, gap: false };
    if (index === 0) return { place, gap: place > 0 && (await arrivedBefore(files, place)) >= arrivalMs };
  }
  return { place: head.segmentStart, gap: false };
}

async function arrivedBefore(files: ShardFiles, start: number): Promise<number> {
  return (await files.useSegment(start, async segment => segment.header.previousArrivalMs)) ?? 0;
}

/** The end of the segment when every record of it arrived earlier. */
async function searchSegment(files: ShardFiles, stretch: Stretch, arrivalMs: number): Promise<number> {
  let place = stretch.place;
  while (place < stretch.segmentEnd) {
    const limits = { recordsMax: searchRecordsMax, bytesMax: searchBytesMax };
    for (const record of await readRecords(files, { ...stretch, place }, limits)) {
      if (record.arrivalMs >= arrivalMs) return place;
      place = Number(record.position);
    }
  }
  return place;
}

function badRecord(files: ShardFiles, segment: OpenSegment, place: number, why: string): Error {
  const name = segmentFileName(segment.header.start);
  const offset = headerBytes + place - segment.header.start;
  return logCorrupt(
    `${files.settings.where}/${name}`,
    `byte ${offset}: ${why} (or place ${place} is no position of this log)`,
  );
}
