/** Waiting for the next record of any of several shards. */
import type { Clock } from '../base/clock.ts';
import type { LogStart, LogStore } from '../storage/log-store.ts';
import { waitForMore } from '../storage/wait-for-more.ts';

export type ShardPlace = { readonly shardId: string; readonly next: LogStart };

/** Resolves when one of the shards may have more, or after `waitMsMax`; rejects with the signal's reason. */
export async function waitForAny(
  log: LogStore,
  places: readonly ShardPlace[],
  options: { readonly clock: Clock; readonly waitMsMax: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { clock, waitMsMax, signal } = options;
  if (places.length === 0) return clock.sleep(waitMsMax, signal);
  // The first to resolve ends the others' waiting.
  const done = new AbortController();
  const anySignal = signal === undefined ? done.signal : AbortSignal.any([signal, done.signal]);
  const waits = places.map(({ shardId, next }) =>
    waitForMore(log, shardId, next, { clock, waitMsMax, signal: anySignal }),
  );
  try {
    await Promise.race(waits);
  } finally {
    done.abort();
    await Promise.allSettled(waits);
  }
}
