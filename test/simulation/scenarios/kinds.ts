/**
 * Tables of every kind: merge engines, dynamic buckets, deletion vectors, changelog producers, with the product's own
 * writers, deletes, overwrites, compaction, tags, branches, consumers, rollback, expiry and orphan cleaning; schemas change,
 * and partitions, rows, tags and consumers go when their time is over. Each snapshot is read, its rows and its changes, at
 * the moment it comes, and held against a plain model.
 */
import { parquetCodec } from '../../../src/format/parquet/wasm-door.ts';
import { litterIn, missingFiles } from '../../maintenance-fixture.ts';
import { chance, logUniform, seedOf } from '../chance.ts';
import type { Scenario, ScenarioFigures } from '../scenario.ts';
import type { World } from '../world.ts';
import { KindsBench } from './kinds/bench.ts';
import { analyzer, evolver } from './kinds/changers.ts';
import { brancher, canBePutBack, maintain, maintainer, rollbacker } from './kinds/keepers.ts';
import { holder, reader } from './kinds/readers.ts';
import { compact, compactor, deleter, overwriter, write, writer } from './kinds/writers.ts';
import { worldSettings } from './world-settings.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

export const kindsScenario: Scenario = {
  name: 'kinds',
  about:
    'merge engines, dynamic buckets, deletion vectors and changelogs under writers, deletes, tags, branches and expiry',
  settings: seed => worldSettings(seed, { slow: 0.04, delayMs: 30 * hourMs }),
  run,
};

async function run(world: World): Promise<ScenarioFigures> {
  // Loading it is real I/O, which has no place in virtual time.
  await parquetCodec();
  const draw = (name: string): number => chance(seedOf(world.seed, name), 2);
  const pauseMs = logUniform(draw('pause'), { min: 200, max: 30 * minuteMs });
  const bench = new KindsBench(world, {
    commitsMax: 90,
    pauseMs,
    rushShare: draw('rush') < 0.3 ? 0 : draw('rush+') * 0.7,
  });
  const { kind } = bench;
  await bench.setUp();
  const isFollowed = kind.producer === 'lookup' || kind.producer === 'full-compaction';
  const several = (of: number, name: string, actor: (bench: KindsBench, name: string) => Promise<void>) =>
    Array.from({ length: of }, (_, index) => actor(bench, `${name}-${index}`));
  const actors = [
    ...several(1 + Math.floor(draw('writers') * 3), 'writer', writer),
    ...several(1 + Math.floor(draw('compactors') * 1.5), 'compactor', compactor),
    ...several(kind.engine === 'append' ? 1 + Math.floor(draw('deleters') * 2) : 0, 'deleter', deleter),
    // What an overwrite does is no change of rows: a changelog says nothing of it.
    ...several(!isFollowed && draw('overwriters') < 0.3 ? 1 : 0, 'overwriter', overwriter),
    ...several(canBePutBack(bench) && draw('rollbackers') < 0.3 ? 1 : 0, 'rollbacker', rollbacker),
    ...several(1 + Math.floor(draw('maintainers') * 1.5), 'maintainer', maintainer),
    ...several(1, 'reader', reader),
    ...several(Math.floor(draw('holders') * 3), 'holder', holder),
    ...several(draw('branchers') < 0.4 ? 1 : 0, 'brancher', brancher),
    ...several(kind.evolves ? 1 : 0, 'evolver', evolver),
    ...several(draw('analyzers') < 0.2 ? 1 : 0, 'analyzer', analyzer),
  ];
  await world.run(() => bench.isOver, 400 * dayMs);
  world.faults.end();
  bench.stop();
  await ended(world, actors, 60 * dayMs);
  await ended(world, [drained(bench)], 60 * dayMs);
  return { commits: bench.main.headId, counts: { ...bench.counts, checks: bench.main.checks } };
}

async function ended(world: World, actors: readonly Promise<void>[], forMs: number): Promise<void> {
  let areEnded = false;
  Promise.all(actors).then(
    () => {
      areEnded = true;
    },
    (error: unknown) => world.fail(error),
  );
  const end = await world.run(() => areEnded, forMs);
  world.check(end === 'done', () => `in a quiet world not everybody came to an end: ${end}`);
}

/** In a quiet world, everything compacted and maintained, all is there and nothing else. */
async function drained(bench: KindsBench): Promise<void> {
  const { world, main } = bench;
  const process = world.process('drain');
  const table = await bench.open(process);
  for (let round = 0; round < 2; round += 1) {
    await process.clock.sleep(3 * dayMs);
    await write(bench, process, table);
    await compact(bench, table, { isFull: true, line: main });
    await main.checkAtRest();
    await process.clock.sleep(2 * dayMs);
    world.check(await maintain(bench, table, 'remove'), 'maintenance gave up in a quiet world');
  }
  const raw = world.rawStore();
  const missing = await missingFiles(raw, table);
  world.check(missing.length === 0, () => `missing: ${missing.slice(0, 5).join(', ')}`);
  // A branch that stands still holds up orphan cleaning (R4), and what the drain itself wrote is too young to go.
  if (bench.branches.length > 0) return;
  const litter = (await litterIn(raw, table)).filter(key => !key.includes(process.name));
  world.check(litter.length === 0, () => `litter: ${litter.slice(0, 5).join(', ')}`);
}
