/**
 * Where readers of a stream stand, so that a place once reached is not looked for again: the service's own iterator, and
 * records that it gave and the reader did not want yet. A cursor is only ever a short cut: one that was dropped is made
 * again from its place. The exception is a pin (a `latest`), which then falls back to a time.
 */
import { unreachable } from '../../base/assert.ts';
import type { LogRecordEnvelope, LogStart } from '../log-store.ts';

export type Cursor = {
  /** Goes on behind `leftover`; undefined when the shard has ended. */
  readonly iterator: string | undefined;
  readonly leftover: readonly LogRecordEnvelope[];
  /** The service was at the tip when it gave this iterator. */
  readonly atTip: boolean;
  readonly behindMs: number | undefined;
  readonly skip: CursorSkip;
};

/** What is to be left out of the answers to come. */
export type CursorSkip =
  | { readonly kind: 'nothing' }
  /** The record at this position, which must come first; when it does not, retention has taken it. */
  | { readonly kind: 'through'; readonly position: bigint }
  /** Records up to this position, which is no longer kept. */
  | { readonly kind: 'up-to'; readonly position: bigint }
  /** Records before the first that arrived then or later. */
  | { readonly kind: 'until-time'; readonly arrivalMs: number };

const cursorsMax = 2_000;
const leftoverBytesMax = 64 << 20;

export class Cursors {
  readonly #cursors = new Map<string, Cursor>();
  #leftoverBytes = 0;

  get(shardId: string, at: LogStart): Cursor | undefined {
    return this.#cursors.get(keyOf(shardId, at));
  }

  set(shardId: string, at: LogStart, cursor: Cursor): void {
    const key = keyOf(shardId, at);
    this.#remove(key);
    this.#cursors.set(key, cursor);
    this.#leftoverBytes += bytesOf(cursor);
    for (const oldest of this.#cursors.keys()) {
      if (this.#cursors.size <= cursorsMax && this.#leftoverBytes <= leftoverBytesMax) return;
      if (oldest !== key) this.#remove(oldest);
    }
  }

  delete(shardId: string, at: LogStart): void {
    this.#remove(keyOf(shardId, at));
  }

  #remove(key: string): void {
    const cursor = this.#cursors.get(key);
    if (cursor === undefined) return;
    this.#cursors.delete(key);
    this.#leftoverBytes -= bytesOf(cursor);
  }
}

function bytesOf(cursor: Cursor): number {
  return cursor.leftover.reduce((sum, record) => sum + record.data.byteLength, 0);
}

/** The same for starts that are one place. */
export function keyOf(shardId: string, at: LogStart): string {
  switch (at.kind) {
    case 'after':
      return `${shardId} after ${at.position}`;
    case 'timestamp':
      return `${shardId} time ${at.arrivalMs} ${at.pin ?? ''}`;
    case 'earliest':
    case 'latest':
      return `${shardId} ${at.kind}`;
    default:
      return unreachable(at);
  }
}
