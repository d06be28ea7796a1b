/** The objects of one shard: its batches by number, the newest of them, and what retention has left. */
import type { ListPage, ObjectStore } from '../object-store.ts';
import {
  type Batch,
  type BatchHead,
  batchRecordsMax,
  decodeBatch,
  decodeBatchHead,
  headerBytes,
  storedBatchBytesMax,
} from './batch-codec.ts';
import type { LogClock } from './log-clock.ts';
import {
  batchKey,
  decodeFirstKept,
  type FirstKept,
  firstKey,
  firstObjectBytesMax,
  nothingRemoved,
  numberOfBatchKey,
  shardPrefix,
} from './log-objects.ts';

const objectBytesMax = headerBytes + 4 * batchRecordsMax + storedBatchBytesMax;

export class ShardObjects {
  readonly store: ObjectStore;
  readonly incarnation: string;
  readonly shardId: string;
  readonly #clock: LogClock;

  constructor(place: {
    readonly store: ObjectStore;
    readonly incarnation: string;
    readonly shardId: string;
    readonly clock: LogClock;
  }) {
    this.store = place.store;
    this.incarnation = place.incarnation;
    this.shardId = place.shardId;
    this.#clock = place.clock;
  }

  /** For messages. */
  get where(): string {
    return `${this.store.uri} ${this.shardId}`;
  }

  key(number: number): string {
    return batchKey(this.incarnation, this.shardId, number);
  }

  /** @returns undefined when there is no batch of this number */
  async batch(number: number, signal: AbortSignal | undefined): Promise<Batch | undefined> {
    const key = this.key(number);
    const askedMs = this.#clock.ownMs();
    const object = await this.store.get(key, { bytesMax: objectBytesMax, signal });
    if (object === undefined) return undefined;
    this.#clock.learn(object.storeTimeMs, askedMs);
    return decodeBatch(object.bytes, this.#place(number, key));
  }

  /** The same without its records. */
  async head(number: number, signal: AbortSignal | undefined): Promise<BatchHead | undefined> {
    const key = this.key(number);
    const bytes = await this.store.getRange(key, { start: 0, end: headerBytes }, { signal });
    return bytes === undefined ? undefined : decodeBatchHead(bytes, this.#place(number, key));
  }

  /** The number of the newest batch, by one LIST; 0 when there is none. */
  async newest(signal: AbortSignal | undefined): Promise<number> {
    const askedMs = this.#clock.ownMs();
    const page = await firstPage(
      this.store.list(shardPrefix(this.incarnation, this.shardId), { pageKeysMax: 1, signal }),
    );
    if (page === undefined) return 0;
    this.#clock.learn(page.storeTimeMs, askedMs);
    return numberOfBatchKey(page.objects[0]?.key ?? '') ?? 0;
  }

  /** `writtenMs`: when it was written down, by the store's clock; 0 when nothing was removed. */
  async firstKept(
    signal: AbortSignal | undefined,
  ): Promise<FirstKept & { readonly etag: string | undefined; readonly writtenMs: number }> {
    const key = firstKey(this.incarnation, this.shardId);
    const askedMs = this.#clock.ownMs();
    const object = await this.store.get(key, { bytesMax: firstObjectBytesMax, signal });
    if (object === undefined) return { ...nothingRemoved, etag: undefined, writtenMs: 0 };
    this.#clock.learn(object.storeTimeMs, askedMs);
    const { etag, lastModifiedMs } = object;
    return { ...decodeFirstKept(object.bytes, `${this.store.uri}/${key}`), etag, writtenMs: lastModifiedMs };
  }

  #place(number: number, key: string): { shardId: string; number: number; where: string } {
    return { shardId: this.shardId, number, where: `${this.store.uri}/${key}` };
  }
}

async function firstPage(pages: AsyncIterable<ListPage>): Promise<ListPage | undefined> {
  for await (const page of pages) return page;
  return undefined;
}
