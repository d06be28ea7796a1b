/** Random histories of a group of readers: members come, go, crash and stand still, while shards are split and merged. */
import { deepEqual, ok } from 'node:assert/strict';
import { type Random, seededRandom } from '../src/base/random.ts';
import type { FaultPlan } from '../src/storage/faulty-object-store.ts';
import { GroupWorld, groupKey, type WorldOptions } from './group-world.ts';

const keyCount = 24;

function someKeys(random: Random): number[] {
  return Array.from({ length: 1 + Math.floor(random.next() * 6) }, () => Math.floor(random.next() * keyCount));
}

async function reshard(w: GroupWorld): Promise<void> {
  const { shards } = await w.log.describe();
  const open = shards.filter(({ closed }) => !closed).toSorted((a, b) => (a.hashKeyStart < b.hashKeyStart ? -1 : 1));
  const at = Math.floor(w.random.next() * open.length);
  const [one, other] = [open[at], open[at + 1]];
  if (one === undefined) return;
  if (w.random.next() < 0.5 && other !== undefined) w.log.merge(one.shardId, other.shardId);
  else if (open.length < 12) w.log.split(one.shardId);
}

/** Parents have rows when their children do, and children have children before anybody has looked. */
async function reshardAmidWrites(w: GroupWorld): Promise<void> {
  for (let times = 0; times < 3; times += 1) {
    await w.write(someKeys(w.random));
    await reshard(w);
  }
  await w.write(someKeys(w.random));
}

/** Rows of a key come in order, and none before all before it were given by somebody. */
function checkOrder(w: GroupWorld, what: string): void {
  const seen = new Map<number, number>();
  for (const { k, n } of w.given) {
    const last = seen.get(k) ?? 0;
    ok(n <= last + 1, `${what}: row ${n} of key ${k} when ${last} were given`);
    seen.set(k, Math.max(last, n));
  }
}

/** In each version of the file: places only move on, and epochs only rise. */
function checkVersions(w: GroupWorld, what: string): void {
  for (const [index, after] of w.versions.entries()) {
    const before = w.versions[index - 1];
    if (before === undefined) continue;
    ok(after.epoch >= before.epoch, what);
    ok(after.nextSnapshot >= before.nextSnapshot, what);
    for (const [shardId, position] of before.place?.log?.positions ?? []) {
      const isKnown = after.units.has(shardId) || after.place?.log?.positions.has(shardId);
      if (isKnown) ok((after.place?.log?.positions.get(shardId) ?? -1n) >= position, what);
    }
    for (const [shardId, { lease }] of after.units) {
      const was = before.units.get(shardId)?.lease;
      if (lease !== undefined && lease.epoch !== was?.epoch) ok(lease.epoch > before.epoch, what);
    }
  }
}

type History = { readonly crashes: boolean; readonly turns: number };

async function playHistory(options: WorldOptions, { crashes, turns }: History): Promise<GroupWorld> {
  const w = new GroupWorld(options);
  await w.play(async () => {
    await using ingest = await w.begin();
    await w.write(someKeys(w.random));
    if (w.random.next() < 0.5) await ingest.drain();
    let live = [w.join('m0', {}, 200)];
    for (let turn = 0; turn < turns; turn += 1) {
      const draw = w.random.next();
      const one = live[Math.floor(w.random.next() * live.length)];
      if (draw < 0.45) await w.write(someKeys(w.random));
      else if (draw < 0.55) await ingest.drain();
      else if (draw < 0.65) await reshardAmidWrites(w);
      else if (draw < 0.75 && live.length < 5) live.push(w.join(`m${w.members.length}`, {}, 200));
      else if (draw < 0.82 && one !== undefined && live.length > 1) {
        live = live.filter(member => member !== one);
        one.leave();
      } else if (crashes && draw < 0.88 && one !== undefined) {
        live = live.filter(member => member !== one);
        one.crash();
        if (live.length === 0) live.push(w.join(`m${w.members.length}`, {}, 200));
      } else if (crashes && draw < 0.94) one?.pause(40_000 + Math.floor(w.random.next() * 60_000));
      await w.clock.sleep(Math.floor(w.random.next() * 20_000));
    }
    w.endFaults();
    await w.clock.sleep(150_000);
    deepEqual(w.broken, [], `seed ${options.seed}`);
    const shardCount = [...(w.versions.at(-1)?.units.values() ?? [])].filter(({ ended }) => !ended).length;
    const even = Array.from({ length: live.length }, (_, i) => Math.floor((shardCount + i) / live.length));
    deepEqual(w.held(), even, `seed ${options.seed}: fair`);
    for (const member of live) member.leave();
    await Promise.all(live.map(({ ended }) => ended));
  });
  return w;
}

const losesAnswers =
  (random: Random): FaultPlan =>
  asked => {
    if (asked.key !== groupKey || !asked.operation.startsWith('putIf')) return undefined;
    const draw = random.next();
    if (draw < 0.1) return { kind: 'answer-lost' };
    if (draw < 0.15) return { kind: 'refused' };
    if (draw < 0.2) return { kind: 'late', lateMs: Math.floor(random.next() * 2_000) };
    return undefined;
  };

export async function tryCalmHistory(seed: number): Promise<void> {
  const what = `seed ${seed}`;
  const faults = losesAnswers(seededRandom(seed));
  const done = await playHistory({ seed, requestMsMax: 40, faults }, { crashes: false, turns: 40 });
  deepEqual(done.missing(), [], what);
  checkOrder(done, what);
  checkVersions(done, what);
  deepEqual(done.given.length, rowsOf(done), what);
  deepEqual(
    done.members.flatMap(({ failures }) => failures),
    [],
    what,
  );
}

/** @returns how often a member was told that it had lost a lease, and rows that came again */
export async function tryHistoryWithCrashes(
  seed: number,
): Promise<{ readonly lost: number; readonly repeated: number }> {
  const what = `seed ${seed}`;
  const faults = losesAnswers(seededRandom(seed));
  const done = await playHistory({ seed, requestMsMax: 40, faults }, { crashes: true, turns: 50 });
  deepEqual(done.missing(), [], what);
  checkOrder(done, what);
  checkVersions(done, what);
  const lost = done.members.flatMap(({ failures }) => failures).filter(code => code === 'LAKE_LEASE_LOST').length;
  return { lost, repeated: done.given.length - rowsOf(done) };
}

function rowsOf({ written }: GroupWorld): number {
  return [...written.values()].reduce((a, b) => a + b, 0);
}
