/**
 * Writers, compactors, overwriters, readers, pins and maintenance on one table of numbered changes. The data files hold a
 * count and a sum, the rest is the product's own code: commit, expiry, orphan cleaning, reading. The scenarios differ in
 * what there is much of.
 */
import { fixtureSchema, putSchema } from '../../table-fixture.ts';
import { chance, logUniform, seedOf } from '../chance.ts';
import { type FaultRates, noFaults } from '../faults.ts';
import type { Scenario, ScenarioFigures } from '../scenario.ts';
import type { World } from '../world.ts';
import { CommitsBench, type CommitsSettings } from './commits/bench.ts';
import { brancher } from './commits/brancher.ts';
import { checkDrained } from './commits/drained.ts';
import { maintainer, pinner, reader } from './commits/readers.ts';
import { changeWriter, compactor, foreignWriter, overwriter } from './commits/writers.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const yearMs = 365 * 24 * hourMs;

type Draw = (name: string) => number;

/** How many there are of each. */
type Cast = {
  readonly writers: number;
  readonly compactors: number;
  readonly overwriters: number;
  readonly maintainers: number;
  readonly readers: number;
  readonly pinners: number;
  readonly branchers: number;
  readonly foreigners: number;
};

type Tuning = {
  readonly rates: (draw: Draw) => FaultRates;
  readonly bench: (draw: Draw) => CommitsSettings;
  readonly cast: (draw: Draw) => Cast;
};

/** Most worlds have a few kinds of faults, and seldom many of them: long work must come to its end now and then. */
function share(draw: Draw, name: string, max: number): number {
  return draw(name) < 0.5 ? 0 : draw(`${name}+`) ** 3 * max;
}

function count(draw: Draw, name: string, range: { readonly min: number; readonly max: number }): number {
  return range.min + Math.floor(draw(name) * (range.max - range.min + 1));
}

export const commitsScenario: Scenario = scenario(
  'commits',
  'rival writers, compaction, overwrites, expiry, orphan cleaning, pins, branches, another engine and readers on one table',
  {
    rates: draw => ({
      ...noFaults,
      failed: share(draw, 'failed', 0.05),
      lost: share(draw, 'lost', 0.05),
      timeout: share(draw, 'timeout', 0.03),
      slow: share(draw, 'slow', 0.05),
      crash: share(draw, 'crash', 0.005),
      staleHint: share(draw, 'stale', 0.5),
      delayMsMax: logUniform(draw('delay'), { min: 1_000, max: 60 * hourMs }),
    }),
    bench: draw => ({
      buckets: count(draw, 'buckets', { min: 1, max: 3 }),
      commitsMax: 300,
      pauseMs: logUniform(draw('pause'), { min: 100, max: 20 * minuteMs }),
      hasDataFiles: true,
      compactEvery: 8,
      readEvery: 12,
      maintainEvery: 60,
    }),
    cast: draw => ({
      writers: count(draw, 'writers', { min: 1, max: 4 }),
      compactors: count(draw, 'compactors', { min: 1, max: 2 }),
      overwriters: draw('overwriters') < 0.4 ? 1 : 0,
      maintainers: count(draw, 'maintainers', { min: 1, max: 2 }),
      readers: 1,
      pinners: draw('pinners') < 0.6 ? 1 : 0,
      branchers: draw('branchers') < 0.4 ? 1 : 0,
      foreigners: draw('foreigners') < 0.3 ? 1 : 0,
    }),
  },
);

/** Swaps that reach the store when their number has long been taken, and has expired; pins and put-backs as late. */
export const latecomersScenario: Scenario = scenario(
  'latecomers',
  'conditional puts, pins and deletes that stand still for hours while the chain goes on and expires',
  {
    rates: draw => ({
      ...noFaults,
      lost: share(draw, 'lost', 0.05),
      timeout: share(draw, 'timeout', 0.03),
      slow: share(draw, 'slow', 0.02),
      slowConditional: 0.02 + draw('slow-conditional') * 0.15,
      crash: share(draw, 'crash', 0.005),
      delayMsMax: logUniform(draw('delay'), { min: hourMs, max: 20 * hourMs }),
    }),
    bench: draw => ({
      buckets: count(draw, 'buckets', { min: 1, max: 2 }),
      commitsMax: 250,
      pauseMs: logUniform(draw('pause'), { min: minuteMs, max: 20 * minuteMs }),
      hasDataFiles: true,
      compactEvery: 10,
      readEvery: 15,
      maintainEvery: 6,
    }),
    cast: draw => ({
      writers: count(draw, 'writers', { min: 2, max: 6 }),
      compactors: 1,
      overwriters: draw('overwriters') < 0.3 ? 1 : 0,
      maintainers: count(draw, 'maintainers', { min: 1, max: 3 }),
      readers: 1,
      pinners: count(draw, 'pinners', { min: 0, max: 3 }),
      branchers: draw('branchers') < 0.4 ? 1 : 0,
      foreigners: 0,
    }),
  },
);

/** Little but commits, of which nothing expires: many of them in little time. */
export const swapScenario: Scenario = scenario(
  'swap',
  'commits, crashes and lost answers, and little else: many of them',
  {
    rates: draw => ({
      ...noFaults,
      failed: share(draw, 'failed', 0.02),
      lost: share(draw, 'lost', 0.02),
      timeout: share(draw, 'timeout', 0.01),
      slow: share(draw, 'slow', 0.01),
      crash: share(draw, 'crash', 0.002),
      delayMsMax: logUniform(draw('delay'), { min: 100, max: hourMs }),
    }),
    bench: draw => ({
      buckets: 1,
      commitsMax: 250,
      pauseMs: logUniform(draw('pause'), { min: 100, max: 2 * minuteMs }),
      hasDataFiles: false,
      compactEvery: 150,
      readEvery: 300,
      maintainEvery: undefined,
    }),
    cast: draw => ({
      writers: draw('writers') < 0.85 ? 1 : 2,
      compactors: 1,
      overwriters: 0,
      maintainers: 0,
      readers: 1,
      pinners: 0,
      branchers: 0,
      foreigners: 0,
    }),
  },
);

function scenario(name: string, about: string, tuning: Tuning): Scenario {
  return {
    name,
    about,
    settings: seed => {
      const draw: Draw = of => chance(seedOf(seed, of), 1);
      return {
        latencyMsMax: logUniform(draw('latency'), { min: 2, max: 400 }),
        storeTickMs: draw('tick') < 0.5 ? 1 : 1_000,
        pageKeysMax: draw('page') < 0.7 ? 1_000 : 5 + Math.floor(draw('page+') * 100),
        rates: tuning.rates(draw),
      };
    },
    run: world => run(world, tuning),
  };
}

async function run(world: World, tuning: Tuning): Promise<ScenarioFigures> {
  const draw: Draw = of => chance(seedOf(world.seed, of), 2);
  const bench = new CommitsBench(world, tuning.bench(draw));
  await putSchema(world.rawStore(), fixtureSchema({ options: bench.tableOptions }));
  const { writers, compactors, overwriters, maintainers, readers, pinners, branchers, foreigners } = tuning.cast(draw);
  const several = (of: number, name: string, actor: (bench: CommitsBench, name: string) => Promise<void>) =>
    Array.from({ length: of }, (_, index) => actor(bench, `${name}-${index}`));
  const actors = [
    ...several(writers, 'writer', changeWriter),
    ...several(compactors, 'compactor', compactor),
    ...several(overwriters, 'overwriter', overwriter),
    ...several(maintainers, 'maintainer', maintainer),
    ...several(readers, 'reader', reader),
    ...several(pinners, 'pinner', pinner),
    ...several(branchers, 'brancher', brancher),
    ...several(foreigners, 'foreigner', foreignWriter),
  ];
  let areEnded = false;
  void Promise.all(actors).then(() => {
    areEnded = true;
  });
  await world.run(() => bench.isOver, 20 * yearMs);
  // From here on all goes well, and everybody comes to an end.
  world.faults.end();
  bench.stop();
  const end = await world.run(() => areEnded, yearMs);
  world.check(end === 'done', () => `after the faults the actors did not end: ${end}`);
  await checkDrained(bench);
  return { commits: bench.model.headId, counts: { ...bench.counts, voids: bench.model.voids } };
}
