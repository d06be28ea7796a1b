/** Readers that follow a shard, then a child of it, from handle to handle, and compare each answer with what was written. */
import type { LogReadResult, LogStart } from '../../src/storage/log-store.ts';
import { texts } from '../../src/storage/log-store-testing.ts';
import type { ObjectLogStore } from '../../src/storage/object-log/object-log-store.ts';
import { below, pick } from '../fuzz/mutate-bytes.ts';
import { type HuntWorld, turns } from './world.ts';
import type { WrittenShard } from './written-log.ts';

export type FollowSettings = {
  readonly shardId: string;
  /** All handles that others append by. */
  readonly handles: readonly ObjectLogStore[];
  /** Whether nobody appends any more. */
  readonly isDone: () => boolean;
};

/** Where a reader is: the index of the next record among all that were written. */
type Progress = { readonly from: LogStart; readonly index: number; readonly isBegun: boolean };

const readsMax = 20_000;
const recordsOfReadMax = 6;
const changeHandleShare = 0.1;
const pauseShare = 0.1;
const turnsOfPause = 200;
/** Looks at the tip when nobody appends any more. */
const looksAtTip = 3;

/** Ends at the tip when all appends are done; a violation ends it, too. */
export async function follow(world: HuntWorld, { shardId, handles, isDone }: FollowSettings): Promise<void> {
  const { random } = world;
  const shard = world.written.shard(shardId);
  let log = await world.open();
  let progress: Progress = { from: { kind: 'earliest' }, index: 0, isBegun: false };
  let looks = 0;
  for (let read = 0; looks < looksAtTip && world.violations.length === 0; read += 1) {
    if (read === readsMax) return world.violate(`${shardId}: not at the tip after ${readsMax} reads`);
    if (random.next() < changeHandleShare) log = random.next() < 0.5 ? await world.open() : pick(random, handles);
    if (random.next() < pauseShare) await turns(turnsOfPause);
    const wasDone = isDone();
    const writtenBefore = shard.records.length;
    const signal = world.someSignal();
    await turns(1);
    let result: LogReadResult;
    try {
      result = await log.read(shardId, progress.from, { recordsMax: 1 + below(random, recordsOfReadMax), signal });
    } catch (error) {
      if (!world.expects(error, log, signal)) return world.violate(`read of ${shardId}: ${String(error)}`);
      if (world.isClosed(log)) log = await world.open();
      continue;
    }
    if (result.gap) world.counts.gaps += 1;
    const isKept = world.retentionMs === undefined;
    for (const wrong of wrongIn(result, shard, { progress, writtenBefore, isKept })) {
      world.violate(`${shardId} read from ${shown(progress.from)}: ${wrong}`);
    }
    progress = advanced(progress, result, shard);
    if (result.ended) return await followChild(world, log, { shardId, handles, isDone });
    looks = wasDone && result.atTip && result.records.length === 0 ? looks + 1 : 0;
  }
}

async function followChild(world: HuntWorld, log: ObjectLogStore, settings: FollowSettings): Promise<void> {
  const child = await childOf(world, log, settings.shardId);
  if (child !== undefined) await follow(world, { ...settings, shardId: child });
}

async function childOf(world: HuntWorld, first: ObjectLogStore, shardId: string): Promise<string | undefined> {
  let log = first;
  for (let attempt = 0; attempt < readsMax; attempt += 1) {
    try {
      const { shards } = await log.describe();
      const children = shards.filter(shard => shard.parentIds.includes(shardId));
      if (children.length === 0) world.violate(`${shardId} has ended without children`);
      return children[below(world.random, children.length)]?.shardId;
    } catch (error) {
      if (!world.expects(error, log)) throw error;
      log = await world.open();
    }
  }
  throw new Error(`${shardId}: not described after ${readsMax} times`);
}

type Before = {
  readonly progress: Progress;
  /** Count of records when the read began. */
  readonly writtenBefore: number;
  /** Nothing is ever removed. */
  readonly isKept: boolean;
};

/** What an answer says that is not so. */
function wrongIn(result: LogReadResult, shard: WrittenShard, { progress, writtenBefore, isKept }: Before): string[] {
  const wrong: string[] = [];
  const [first] = result.records;
  const firstIndex = first === undefined ? progress.index : shard.indexOf(first.position);
  if (firstIndex === undefined) return [`position ${first?.position} was never written`];
  if (firstIndex < progress.index) wrong.push(`${progress.index - firstIndex} records are given again`);
  const skipped = Math.max(0, firstIndex - progress.index);
  const mayBegin = !progress.isBegun && !isKept;
  if (skipped > 0 && !mayBegin && (!result.gap || isKept)) wrong.push(`${skipped} records are skipped`);
  if (skipped > 0 && !shard.isGoneBefore(firstIndex)) wrong.push(`${skipped} records are skipped that are kept`);
  if (result.gap && isKept) wrong.push('a gap where nothing was removed');
  const given = texts(result.records);
  for (const [order, { position }] of result.records.entries()) {
    const written = shard.records[firstIndex + order];
    if (written?.position !== position || written.text !== given[order])
      wrong.push(`${given[order]} at ${position}, where ${written?.text} at ${written?.position} is next`);
  }
  const index = firstIndex + given.length;
  // The newest batch is always kept, but may be a seal: then all records may be gone, which who had begun is told of.
  const isEmpty = given.length === 0 && shard.isGoneBefore(shard.records.length);
  const mayBeEmpty = shard.isSealed && isEmpty && (mayBegin || result.gap);
  if (result.atTip && index < writtenBefore && !mayBeEmpty)
    wrong.push(`at the tip, while ${writtenBefore - index} more were written before`);
  if (result.ended && !shard.isSealed) wrong.push('it has ended without a seal');
  if (result.ended && index < shard.records.length && !mayBeEmpty)
    wrong.push(`it has ended before ${shard.records.length - index}`);
  return wrong;
}

function advanced(progress: Progress, result: LogReadResult, shard: WrittenShard): Progress {
  const last = result.records.at(-1);
  if (last === undefined) return { ...progress, from: result.next };
  return { from: result.next, index: (shard.indexOf(last.position) ?? 0) + 1, isBegun: true };
}

function shown(from: LogStart): string {
  return from.kind === 'after' ? `after ${from.position} (at the tip ${from.tipMs})` : from.kind;
}
