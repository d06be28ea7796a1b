/** What was put into the store, shard by shard, whatever anybody was told of it and whatever was removed since. */
import { decodeBatch } from '../../src/storage/object-log/batch-codec.ts';
import {
  decodeFirstKept,
  firstKey,
  numberOfBatchKey,
  placeOf,
  positionOf,
} from '../../src/storage/object-log/log-objects.ts';

export type WrittenLogParts = {
  readonly retentionMs: number | undefined;
  /** Told when batches do not follow each other as they must, or do not stay as long as they should. */
  violate(text: string): void;
};
export type WrittenRecord = { readonly position: bigint; readonly text: string };

/** One shard: its records only become more. */
export class WrittenShard {
  readonly records: WrittenRecord[] = [];
  readonly #indexes = new Map<bigint, number>();
  /** Numbers that were put again after retention had been there: nobody looks there, and who put them finds that out. */
  readonly strays: Set<number> = new Set<number>();
  batchCount = 0;
  /** What retention says is the number of the first batch that it left. */
  firstKept = 1;
  isSealed = false;

  /** @returns undefined when there never was a record at this position */
  indexOf(position: bigint): number | undefined {
    return this.#indexes.get(position);
  }

  at(position: bigint): WrittenRecord | undefined {
    return this.records[this.#indexes.get(position) ?? -1];
  }

  /** Whether retention has said that all records before an index are gone. */
  isGoneBefore(index: number): boolean {
    const last = this.records[index - 1];
    return last === undefined || (placeOf(last.position)?.number ?? 0) < this.firstKept;
  }

  push(record: WrittenRecord): void {
    this.#indexes.set(record.position, this.records.length);
    this.records.push(record);
  }
}

export class WrittenLog {
  readonly #shards = new Map<string, WrittenShard>();
  readonly #parts: WrittenLogParts;

  constructor(parts: WrittenLogParts) {
    this.#parts = parts;
  }

  shard(shardId: string): WrittenShard {
    const known = this.#shards.get(shardId) ?? new WrittenShard();
    this.#shards.set(shardId, known);
    return known;
  }

  /** In the order of their names, so parents before children. */
  texts(): readonly string[] {
    const shardIds = [...this.#shards.keys()].toSorted();
    return shardIds.flatMap(shardId => this.shard(shardId).records.map(record => record.text));
  }

  get batchCount(): number {
    return [...this.#shards.values()].reduce((sum, shard) => sum + shard.batchCount, 0);
  }

  /** An object that was made or replaced just now. */
  note(key: string, bytes: Uint8Array): void {
    const [incarnation = '', shardId = ''] = key.split('/');
    const shard = this.shard(shardId);
    if (key === firstKey(incarnation, shardId)) shard.firstKept = decodeFirstKept(bytes, key).number;
    const number = numberOfBatchKey(key);
    if (number === undefined) return;
    const batch = decodeBatch(bytes, { shardId, number, where: key });
    if (number <= shard.batchCount) {
      shard.strays.add(number);
      return;
    }
    if (number > shard.batchCount + 1)
      this.#parts.violate(`${shardId}: batch ${number} was put behind batch ${shard.batchCount}`);
    if (shard.isSealed) this.#parts.violate(`${shardId}: batch ${number} was put behind the seal`);
    shard.batchCount = number;
    shard.isSealed ||= batch.head.kind === 'seal';
    for (const [place, record] of batch.records.entries()) {
      shard.push({ position: positionOf(number, place), text: new TextDecoder().decode(record) });
    }
  }
  /** An object that is removed just now. */
  noteRemoval(key: string, ageMs: number): void {
    const number = numberOfBatchKey(key);
    if (number === undefined) return;
    const shardId = key.split('/')[1] ?? '';
    const shard = this.shard(shardId);
    if (shard.strays.has(number)) return;
    if (number === shard.batchCount) this.#parts.violate(`${shardId}: batch ${number} was removed, the newest`);
    if (ageMs < (this.#parts.retentionMs ?? Number.POSITIVE_INFINITY))
      this.#parts.violate(`${shardId}: batch ${number} was removed after ${ageMs} ms`);
  }
}
