/**
 * Writers, compactors, overwriters, readers, pins and maintenance on one table of numbered changes. The data files hold a
 * count and a sum, the rest is the product's own code: commit, expiry, orphan cleaning, reading.
 */
import { fixtureSchema, putSchema } from '../../table-fixture.ts';
import { chance, logUniform, seedOf } from '../chance.ts';
import type { Scenario, ScenarioFigures } from '../scenario.ts';
import type { World } from '../world.ts';
import { CommitsBench } from './commits/bench.ts';
import { checkDrained } from './commits/drained.ts';
import { maintainer, pinner, reader } from './commits/readers.ts';
import { changeWriter, compactor, overwriter } from './commits/writers.ts';

const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;

export const commitsScenario: Scenario = {
  name: 'commits',
  about: 'rival writers, compaction, overwrites, expiry, orphan cleaning, pins and readers on one table',
  settings: seed => {
    const draw = (name: string): number => chance(seedOf(seed, name), 1);
    // Most worlds have a few kinds of faults, and seldom many of them: long work must come to its end now and then.
    const share = (name: string, max: number): number => (draw(name) < 0.5 ? 0 : draw(`${name}+`) ** 3 * max);
    return {
      latencyMsMax: logUniform(draw('latency'), { min: 2, max: 400 }),
      storeTickMs: draw('tick') < 0.5 ? 1 : 1_000,
      pageKeysMax: draw('page') < 0.5 ? 1_000 : 5 + Math.floor(draw('page+') * 100),
      rates: {
        failed: share('failed', 0.05),
        lost: share('lost', 0.05),
        timeout: share('timeout', 0.03),
        slow: share('slow', 0.05),
        crash: share('crash', 0.005),
        staleHint: share('stale', 0.5),
        delayMsMax: logUniform(draw('delay'), { min: 1_000, max: 60 * hourMs }),
      },
    };
  },
  run: runCommits,
};

async function runCommits(world: World): Promise<ScenarioFigures> {
  const draw = (name: string): number => chance(seedOf(world.seed, name), 2);
  const bench = new CommitsBench(world, {
    buckets: 1 + Math.floor(draw('buckets') * 3),
    commitsMax: 300,
    pauseMs: logUniform(draw('pause'), { min: 100, max: 20 * 60_000 }),
  });
  await putSchema(world.rawStore(), fixtureSchema({ options: bench.tableOptions }));
  const model = bench.model;
  const actors = [
    ...Array.from({ length: 1 + Math.floor(draw('writers') * 4) }, (_, i) => changeWriter(bench, `writer-${i}`)),
    compactor(bench, 'compactor'),
    ...(draw('compactors') < 0.5 ? [compactor(bench, 'compactor-b')] : []),
    ...(draw('overwrite') < 0.4 ? [overwriter(bench, 'overwriter')] : []),
    maintainer(bench, 'maintainer'),
    ...(draw('maintainers') < 0.5 ? [maintainer(bench, 'maintainer-b')] : []),
    reader(bench, 'reader'),
    ...(draw('pins') < 0.6 ? [pinner(bench, 'pinner')] : []),
  ];
  const ended = Promise.all(actors);
  let isEnded = false;
  void ended.then(() => {
    isEnded = true;
  });
  await world.run(() => bench.isOver, 20 * yearMs);
  // From here on all goes well, and everybody comes to an end.
  world.faults.end();
  bench.stop();
  const end = await world.run(() => isEnded, yearMs);
  world.check(end === 'done', () => `after the faults the actors did not end: ${end}`);
  await checkDrained(bench);
  return { commits: model.headId, counts: { ...bench.counts, voids: model.voids } };
}
