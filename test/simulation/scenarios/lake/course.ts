/** The end of a lake's life: without faults everything comes through, everybody comes to an end, and no file is missing. */
import { hasDynamicBuckets } from '../../../../src/format/table-options.ts';
import { keyPlaces } from '../../../hash-index-fixture.ts';
import { missingFiles } from '../../../maintenance-fixture.ts';
import type { World } from '../../world.ts';
import { type LakeBench, tableNames } from './bench.ts';
import type { PassingTable } from './passing.ts';
import { checkTable } from './readers.ts';

const dayMs = 24 * 3_600_000;

/** Somebody who follows a table. */
export type Follower = { readonly who: string; readonly isUpToDate: boolean };

/** Without faults all rows come through, to the tables and to the subscribers. */
export async function settle(
  bench: LakeBench,
  followers: readonly Follower[],
  passing: PassingTable | undefined,
): Promise<void> {
  const { world } = bench;
  const checkMs = 10_000 + 4 * bench.settings.pauseMs;
  for (const endMs = world.scheduler.nowMs + dayMs; world.scheduler.nowMs < endMs; ) {
    await world.run(() => false, checkMs);
    const complete = await Promise.all([
      ...tableNames.map(name => checkTable(bench, name)),
      passing?.isComplete() ?? true,
    ]);
    if (bench.isOver && complete.every(Boolean) && followers.every(({ isUpToDate }) => isUpToDate)) return;
  }
  const late = followers.filter(({ isUpToDate }) => !isUpToDate).map(({ who }) => who);
  world.check(false, () => `after a day without faults not everything is through; behind: ${late.join(', ')}`);
}

export async function ended(world: World, actors: readonly Promise<void>[]): Promise<void> {
  let areEnded = false;
  Promise.all(actors).then(
    () => {
      areEnded = true;
    },
    (error: unknown) => world.fail(error),
  );
  const end = await world.run(() => areEnded, 10 * dayMs);
  world.check(end === 'done', () => `the actors did not end: ${end}`);
}

export async function checkFiles(bench: LakeBench): Promise<void> {
  const { world } = bench;
  const raw = world.rawStore();
  for (const name of tableNames) {
    const table = await bench.openRaw(name);
    const missing = await missingFiles(raw, table);
    world.check(missing.length === 0, () => `${name} misses ${missing.slice(0, 3).join(', ')}`);
    if (!hasDynamicBuckets(table.schema)) continue;
    const { faults, bucketCount } = await keyPlaces(table);
    world.check(faults.length === 0, () => `${name}: ${faults.slice(0, 3).join('; ')}`);
    bench.count('dynamic buckets', bucketCount);
  }
}
