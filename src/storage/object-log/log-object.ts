/**
 * The object that says what a log is: made once, and replaced where shards are split or merged.
 *
 * A split is three steps, each of which anybody may finish who finds it begun: the children are listed and the parent is
 * `closing`; the parent gets its seal as its last batch; the parent is `closed`. Nobody appends to a child before its
 * parents have their seals, so no record of a child is older than one of its parents.
 */
import { assert, present } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { backoffMs } from '../../base/retry.ts';
import { logNotFound, logRefused, logUnavailable } from '../log-errors.ts';
import type { ObjectStore } from '../object-store.ts';
import { evenRanges, type HashKeyRange, halves, shardIdAt } from '../shard-ranges.ts';
import {
  decodeLogObject,
  encodeLogObject,
  logKey,
  logObjectBytesMax,
  type ObjectLogMeta,
  type ObjectLogShard,
  shardsMax,
} from './log-objects.ts';

export type MetaParts = { readonly store: ObjectStore; readonly clock: Clock; readonly random: Random };

const triesMax = 20;
const backoff = { delayMsMin: 20, delayMsMax: 2_000 };

type Read = { readonly meta: ObjectLogMeta; readonly etag: string };

/** @returns undefined when there is no log */
export async function readLogObject(store: ObjectStore, signal?: AbortSignal): Promise<Read | undefined> {
  const object = await store.get(logKey, { bytesMax: logObjectBytesMax, signal });
  if (object === undefined) return undefined;
  return { meta: decodeLogObject(object.bytes, `${store.uri}/${logKey}`), etag: object.etag };
}

/** The log that is there, or else one made with these settings. */
export async function ensureLogObject(
  { store, clock, random }: MetaParts,
  settings: { readonly shardCount: number; readonly retentionMs: number | undefined },
): Promise<ObjectLogMeta> {
  const shards = evenRanges(settings.shardCount).map((range, index) => openShard(range, index, []));
  const made: ObjectLogMeta = {
    incarnation: random.uuid(),
    retentionMs: settings.retentionMs,
    shards,
    nextShardIndex: shards.length,
  };
  let cause: unknown;
  for (let attempt = 0; attempt < triesMax; attempt += 1) {
    const found = await readLogObject(store);
    if (found !== undefined) return found.meta;
    const outcome = await store.putIfAbsent(logKey, encodeLogObject(made));
    if (outcome.status === 'created') return made;
    if (outcome.status === 'unanswered') cause = outcome.cause;
    await clock.sleep(backoffMs(attempt, random, backoff));
  }
  throw logUnavailable(store.uri, cause);
}

/**
 * Replaces what a log is by what `change` makes of it, anew as often as somebody else was quicker.
 *
 * @param change gives undefined when there is nothing (left) to do
 * @throws LakeError `invalid` LAKE_LOG_NOT_FOUND when the log was deleted or is another
 */
export async function changeLogObject(
  { store, clock, random }: MetaParts,
  incarnation: string,
  change: (meta: ObjectLogMeta) => ObjectLogMeta | undefined,
  signal?: AbortSignal,
): Promise<ObjectLogMeta> {
  let cause: unknown;
  for (let attempt = 0; attempt < triesMax; attempt += 1) {
    const { meta, etag } = sameLog(store, incarnation, await readLogObject(store, signal));
    const changed = change(meta);
    if (changed === undefined) return meta;
    // A log of more shards than that is one that nobody could open again.
    if (changed.shards.length > shardsMax)
      throw logRefused(store.uri, new Error(`it has had ${meta.shards.length} shards, and may have ${shardsMax}`));
    const outcome = await store.putIfMatch(logKey, encodeLogObject(changed), etag, { signal });
    if (outcome.status === 'replaced') return changed;
    if (outcome.status === 'unanswered') cause = outcome.cause;
    await clock.sleep(backoffMs(attempt, random, backoff), signal);
  }
  throw logUnavailable(store.uri, cause);
}

export function sameLog(store: ObjectStore, incarnation: string, read: Read | undefined): Read {
  if (read?.meta.incarnation !== incarnation) throw logNotFound(store.uri, 'the log was deleted; open it again');
  return read;
}

/** `parentIds` closing, and their children behind them; undefined when these parents have children already. */
export function withChildren(meta: ObjectLogMeta, parentIds: readonly string[]): ObjectLogMeta | undefined {
  if (meta.shards.some(shard => shard.parentIds.some(parentId => parentIds.includes(parentId)))) return undefined;
  const parents = parentIds.map(parentId =>
    present(
      meta.shards.find(shard => shard.shardId === parentId),
      `shard ${parentId}`,
    ),
  );
  const children = childRanges(parents).map((range, index) => openShard(range, meta.nextShardIndex + index, parentIds));
  const shards = meta.shards.map(shard =>
    parentIds.includes(shard.shardId) ? ({ ...shard, state: 'closing' } as const) : shard,
  );
  return { ...meta, shards: [...shards, ...children], nextShardIndex: meta.nextShardIndex + children.length };
}

/** Shards that have their seals are closed; undefined when they are so already. */
export function withClosed(meta: ObjectLogMeta, sealedIds: readonly string[]): ObjectLogMeta | undefined {
  const isNews = (shard: ObjectLogShard): boolean => shard.state === 'closing' && sealedIds.includes(shard.shardId);
  if (!meta.shards.some(isNews)) return undefined;
  return { ...meta, shards: meta.shards.map(shard => (isNews(shard) ? { ...shard, state: 'closed' } : shard)) };
}

function childRanges(parents: readonly ObjectLogShard[]): readonly HashKeyRange[] {
  const [low, high] = parents.toSorted((a, b) => (a.hashKeyStart < b.hashKeyStart ? -1 : 1));
  assert(low !== undefined && parents.length <= 2, 'one shard is split, or two are merged');
  if (high === undefined) return halves(low);
  assert(low.hashKeyEnd + 1n === high.hashKeyStart, 'only neighbours can be merged');
  return [{ hashKeyStart: low.hashKeyStart, hashKeyEnd: high.hashKeyEnd }];
}

function openShard(range: HashKeyRange, index: number, parentIds: readonly string[]): ObjectLogShard {
  return { shardId: shardIdAt(index), parentIds, ...range, state: 'open' };
}
