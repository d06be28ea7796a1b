/** Those who read, and those who hold on to snapshots: by tags, whose time may be over, and as consumers. */
import { isLakeError } from '../../../../src/base/errors.ts';
import type { Snapshot } from '../../../../src/format/snapshot.ts';
import { ownLine } from '../../../../src/maintenance/lines.ts';
import { pinSnapshot, unpin } from '../../../../src/table/pins.ts';
import { latestSnapshot, listSnapshots, listTags, snapshotOfTag } from '../../../../src/table/snapshots.ts';
import { reopenTable, type Table } from '../../../../src/table/table.ts';
import { createTag, deleteTag } from '../../../../src/table/tags/manage-tags.ts';
import type { Predicate } from '../../../../src/types/predicate.ts';
import type { SimProcess } from '../../process.ts';
import type { KindsBench } from './bench.ts';
import type { Line } from './line.ts';
import { difference, type State, same, secondOf } from './rows.ts';
import { readState } from './snapshot-reader.ts';

/** What may be so for whoever comes late, and is told. */
const lateCodes = [
  'LAKE_SNAPSHOT_EXPIRED',
  'LAKE_SNAPSHOT_NOT_FOUND',
  'LAKE_TAG_NOT_FOUND',
  'LAKE_TAG_EXISTS',
] as const;

export function isLate(error: unknown): boolean {
  return lateCodes.some(code => isLakeError(error, code));
}

const filteredShare = 0.4;
const tagShare = 0.2;
const headShare = 0.6;
/** A tag that is there and whose snapshot is gone is on its way out: whoever made it too late takes it back. */
const takenBackMs = 3 * 86_400_000;
const retainedMs = { min: 30 * 60_000, max: 12 * 3_600_000 };

/** A snapshot shows whoever reads it, whole or filtered, what it has shown when it came. */
export async function readAgain(bench: KindsBench, opened: Table, line: Line, snapshot: Snapshot): Promise<void> {
  // Later than the snapshot: it has all columns that were written.
  const table = bench.kind.evolves ? await reopenTable(opened) : opened;
  const expected = await line.seenAt(snapshot.id);
  const filter = filterFor(bench, table, expected);
  const read = await readState(table, snapshot, filter?.predicate);
  const wanted = filter === undefined ? expected : filter.of(expected);
  bench.world.check(
    same(read, wanted),
    () => `snapshot ${snapshot.id}${filter === undefined ? '' : ', filtered,'} shows ${difference(read, wanted)}`,
  );
}

type Filter = { readonly predicate: Predicate; readonly of: (state: State) => State };

/** Now and then, one value of the second column. */
function filterFor({ world }: KindsBench, { schema }: Table, state: State): Filter | undefined {
  if (world.random.next() >= filteredShare || state.size === 0) return undefined;
  const chosen = [...state.values()][Math.floor(world.random.next() * state.size)] ?? '';
  const value = secondOf(chosen);
  const column = schema.fields.find(({ name }) => name === 'b')?.name;
  if (value === undefined || column === undefined) return undefined;
  return {
    predicate: { kind: 'compare', op: '=', column, value: BigInt(value) },
    of: all => new Map([...all].filter(([, text]) => secondOf(text) === value)),
  };
}

export function reader(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const table = await bench.open(process);
    const isDue = bench.due(process, { commits: 2 });
    while (!bench.isStopped) {
      await bench.pause(process, 4);
      if (!isDue()) continue;
      try {
        await (process.random.next() < tagShare ? readTagged(bench, process, table) : readOne(bench, process, table));
      } catch (error) {
        if (!isLate(error)) throw error;
        bench.count('read expired');
      }
    }
  });
}

async function readOne(bench: KindsBench, { random }: SimProcess, table: Table): Promise<void> {
  const snapshots = random.next() < headShare ? [await latestSnapshot(table)] : await listSnapshots(table);
  const snapshot = snapshots[Math.floor(random.next() * snapshots.length)];
  if (snapshot === undefined) return;
  await readAgain(bench, table, bench.main, snapshot);
  bench.count('reads');
}

/** What a tag stands for can be read for as long as the tag is there. */
async function readTagged(bench: KindsBench, { random, clock }: SimProcess, table: Table): Promise<void> {
  const tags = await listTags(table);
  const tag = tags[Math.floor(random.next() * tags.length)];
  if (tag === undefined) return;
  try {
    await readAgain(bench, table, bench.main, await snapshotOfTag(table, tag));
    bench.count('tags read');
  } catch (error) {
    if (!isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) throw error;
    await clock.sleep(takenBackMs);
    const isThere = (await listTags(table)).includes(tag);
    bench.world.check(!isThere, () => `tag ${tag} is there, and its snapshot is not: ${error.message}`);
    throw error;
  }
}

/** Holds the newest snapshot by a tag or as a consumer, and finds it whole however late it comes back. */
export function holder(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const table = await bench.open(process);
    const isDue = bench.due(process, { commits: 4 });
    while (!bench.isStopped) {
      await bench.pause(process, 6);
      if (!isDue()) continue;
      const hold = process.random.next() < 0.5 ? byTag : byConsumer;
      try {
        await hold(bench, process, table);
      } catch (error) {
        if (!isLate(error)) throw error;
        bench.count('hold came too late');
      }
    }
  });
}

async function byTag(bench: KindsBench, process: SimProcess, table: Table): Promise<void> {
  const tag = `${process.name}-${bench.nextNumber()}`;
  const { random } = process;
  const ownMs = random.next() < 0.5 ? undefined : retainedMs.min + random.next() * (retainedMs.max - retainedMs.min);
  const untilMs = endOf(bench, ownMs);
  const snapshot = await createTag(table, tag, { retainedMs: ownMs === undefined ? undefined : Math.floor(ownMs) });
  if (snapshot === undefined) return;
  await bench.pause(process, 15);
  await held(bench, table, snapshot, untilMs);
  await deleteTag(table, tag, { ifExists: ownMs !== undefined });
  bench.count('tags held');
}

async function byConsumer(bench: KindsBench, process: SimProcess, table: Table): Promise<void> {
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) return;
  const line = ownLine(table);
  const untilMs = endOf(bench, bench.kind.consumerMs);
  if ((await pinSnapshot(line, process.name, snapshot)) !== 'pinned') return;
  await bench.pause(process, 15);
  await held(bench, table, snapshot, untilMs);
  await unpin(line, process.name);
  bench.count('consumers held');
}

/** Until when what is made now holds, at the least: the store's times may be of whole seconds. */
function endOf({ world }: KindsBench, forMs: number | undefined): number {
  return forMs === undefined ? Number.POSITIVE_INFINITY : world.scheduler.nowMs - 1_000 + forMs;
}

/** What is held does not expire. */
async function held(bench: KindsBench, table: Table, snapshot: Snapshot, untilMs: number): Promise<void> {
  const { world } = bench;
  try {
    await readAgain(bench, table, bench.main, snapshot);
  } catch (error) {
    const isGone = isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED');
    world.check(!isGone || world.scheduler.nowMs >= untilMs, `snapshot ${snapshot.id} expired while it was held`);
    throw error;
  }
}
