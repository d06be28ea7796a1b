/**
 * The shards of a log in memory, each call one step: every promise of the port, also for splits, merges and retention. The
 * state of the memory driver, and of simulation, which decides for itself when a step happens and what its caller hears.
 */
import { assert, unreachable } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import { invalid } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type {
  LogAppend,
  LogAppendOutcome,
  LogDescription,
  LogReadOptions,
  LogReadResult,
  LogRecordEnvelope,
  LogShard,
  LogStart,
  LogStoreSupport,
} from '../log-store.ts';
import { checkAppend, contains, evenRanges, type HashKeyRange, halves, shardIdAt } from '../shard-ranges.ts';

export type MemoryLogSettings = {
  readonly name: string;
  readonly shardCount?: number | undefined;
  /** Records older than this are dropped as soon as somebody looks; undefined keeps all. */
  readonly retentionMs?: number | undefined;
  readonly recordBytesMax?: number | undefined;
};

const shardCountDefault = 4;
const recordBytesMaxDefault = 1 << 20;
const readRecordsMaxDefault = 10_000;
const readBytesMaxDefault = 4 << 20;

type MemoryShard = {
  readonly shardId: string;
  readonly parentIds: readonly string[];
  readonly range: HashKeyRange;
  closed: boolean;
  records: LogRecordEnvelope[];
  /** Place and time of the newest record that retention dropped. */
  dropped: { readonly position: bigint; readonly arrivalMs: number } | undefined;
};

export class MemoryLog {
  readonly uri: string;
  readonly supports: LogStoreSupport;
  readonly #clock: Clock;
  readonly #incarnation: string;
  readonly #retentionMs: number | undefined;
  readonly #shards: MemoryShard[] = [];
  #lastPosition = 0n;
  #lastArrivalMs = 0;

  constructor(settings: MemoryLogSettings, components: { readonly clock: Clock; readonly random: Random }) {
    this.uri = `memory:${settings.name}`;
    this.#clock = components.clock;
    this.#incarnation = components.random.uuid();
    this.#retentionMs = settings.retentionMs;
    this.supports = {
      recordBytesMax: settings.recordBytesMax ?? recordBytesMaxDefault,
      appendRecordsMax: 10_000,
      appendBytesMax: 16 << 20,
      resharding: true,
      pollIntervalMs: 5,
    };
    for (const range of evenRanges(settings.shardCount ?? shardCountDefault)) this.#addShard(range, []);
  }

  describe(): LogDescription {
    for (const shard of this.#shards) this.#dropExpired(shard);
    return {
      incarnation: this.#incarnation,
      shards: this.#shards.filter(shard => !this.#isForgotten(shard)).map(describeShard),
      retentionMs: this.#retentionMs,
    };
  }

  /** @throws LakeError for records that no log of these limits takes */
  append(records: readonly LogAppend[]): readonly LogAppendOutcome[] {
    checkAppend(this.uri, this.supports.recordBytesMax, records);
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, this.#clock.nowMs());
    return records.map(({ hashKey, data }): LogAppendOutcome => {
      const shard = this.#shards.find(candidate => !candidate.closed && contains(candidate.range, hashKey));
      assert(shard !== undefined, 'the open shards cover every hash key');
      this.#lastPosition += 1n;
      const position = this.#lastPosition;
      shard.records.push({ position, arrivalMs: this.#lastArrivalMs, data: data.slice() });
      return { status: 'appended', shardId: shard.shardId, position };
    });
  }

  read(shardId: string, from: LogStart, options?: LogReadOptions): LogReadResult {
    const shard = this.#shardById(shardId);
    if (from.kind === 'after' && from.position > this.#lastPosition) {
      throw invalid('LAKE_LOG_POSITION', `${this.uri} ${shardId}: position ${from.position} was never given`);
    }
    this.#dropExpired(shard);
    const start = startIndex(shard, from);
    const records = takeWithin(shard.records, start, options);
    const end = start + records.length;
    const atTip = end === shard.records.length;
    return {
      records,
      next: nextStart(shard, from, records),
      atTip,
      ended: atTip && shard.closed,
      gap: hasGap(shard, from),
      behindMs: atTip ? 0 : Math.max(0, this.#lastArrivalMs - (shard.records[end]?.arrivalMs ?? this.#lastArrivalMs)),
    };
  }

  /** Whether a read from there would give a record. */
  hasMore(shardId: string, from: LogStart): boolean {
    const shard = this.#shardById(shardId);
    return from.kind !== 'latest' && startIndex(shard, from) < shard.records.length;
  }

  /** Closes a shard and opens two for the halves of its range. */
  split(shardId: string): void {
    const shard = this.#openShard(shardId);
    const ranges = halves(shard.range);
    shard.closed = true;
    for (const range of ranges) this.#addShard(range, [shardId]);
  }

  /** Closes two neighbours and opens one for both ranges. */
  merge(shardIdA: string, shardIdB: string): void {
    const [low, high] = [this.#openShard(shardIdA), this.#openShard(shardIdB)].toSorted((a, b) =>
      a.range.hashKeyStart < b.range.hashKeyStart ? -1 : 1,
    );
    assert(low !== undefined && high !== undefined, 'two shards are merged');
    assert(low.range.hashKeyEnd + 1n === high.range.hashKeyStart, 'only neighbours can be merged');
    low.closed = true;
    high.closed = true;
    const range = { hashKeyStart: low.range.hashKeyStart, hashKeyEnd: high.range.hashKeyEnd };
    this.#addShard(range, [shardIdA, shardIdB]);
  }

  #addShard(range: HashKeyRange, parentIds: readonly string[]): void {
    const shardId = shardIdAt(this.#shards.length);
    this.#shards.push({ shardId, parentIds, range, closed: false, records: [], dropped: undefined });
  }

  #shardById(shardId: string): MemoryShard {
    const shard = this.#shards.find(candidate => candidate.shardId === shardId);
    if (shard === undefined) throw invalid('LAKE_LOG_NOT_FOUND', `${this.uri} has no shard ${shardId}`);
    return shard;
  }

  #openShard(shardId: string): MemoryShard {
    const shard = this.#shardById(shardId);
    assert(!shard.closed, () => `shard ${shardId} is open`);
    return shard;
  }

  #dropExpired(shard: MemoryShard): void {
    if (this.#retentionMs === undefined) return;
    const keptFromMs = this.#clock.nowMs() - this.#retentionMs;
    const kept = shard.records.findIndex(record => record.arrivalMs >= keptFromMs);
    const droppedCount = kept === -1 ? shard.records.length : kept;
    if (droppedCount === 0) return;
    shard.dropped = shard.records[droppedCount - 1];
    shard.records = shard.records.slice(droppedCount);
  }

  /** A closed shard is listed until retention has taken its last record. */
  #isForgotten(shard: MemoryShard): boolean {
    return shard.closed && shard.records.length === 0 && shard.dropped !== undefined;
  }
}

function describeShard({ shardId, parentIds, range, closed }: MemoryShard): LogShard {
  return { shardId, parentIds, ...range, closed };
}

/** Index of the first record a read from this place gives; the length when there is none yet. */
function startIndex(shard: MemoryShard, from: LogStart): number {
  switch (from.kind) {
    case 'earliest':
      return 0;
    case 'latest':
      return shard.records.length;
    case 'after':
      return indexOrEnd(shard.records, record => record.position > from.position);
    case 'timestamp':
      return indexOrEnd(shard.records, record => record.arrivalMs >= from.arrivalMs);
    default:
      return unreachable(from);
  }
}

function indexOrEnd(records: readonly LogRecordEnvelope[], matches: (record: LogRecordEnvelope) => boolean): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const record = records[middle];
    if (record !== undefined && matches(record)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function takeWithin(
  records: readonly LogRecordEnvelope[],
  start: number,
  options: LogReadOptions | undefined,
): readonly LogRecordEnvelope[] {
  const recordsMax = options?.recordsMax ?? readRecordsMaxDefault;
  const bytesMax = options?.bytesMax ?? readBytesMaxDefault;
  const taken: LogRecordEnvelope[] = [];
  let bytes = 0;
  for (let index = start; index < records.length && taken.length < recordsMax; index += 1) {
    const record = records[index];
    assert(record !== undefined, 'the index is within the records');
    bytes += record.data.byteLength;
    if (taken.length > 0 && bytes > bytesMax) break;
    taken.push({ ...record, data: record.data.slice() });
  }
  return taken;
}

function nextStart(shard: MemoryShard, from: LogStart, records: readonly LogRecordEnvelope[]): LogStart {
  const last = records.at(-1);
  if (last !== undefined) return { kind: 'after', position: last.position };
  if (from.kind !== 'latest') return from;
  const tip = shard.records.at(-1)?.position ?? shard.dropped?.position ?? 0n;
  return { kind: 'after', position: tip };
}

function hasGap(shard: MemoryShard, from: LogStart): boolean {
  if (shard.dropped === undefined) return false;
  if (from.kind === 'after') return from.position < shard.dropped.position;
  return from.kind === 'timestamp' && from.arrivalMs <= shard.dropped.arrivalMs;
}
