/**
 * The whole path, from producers to readers, with the product's own code in every part: log, ingest, commit, compaction,
 * schema changes, expiry, orphan cleaning, union reads, subscriptions. Three scenarios differ in who ingests.
 */

import { tablePath } from '../../../src/catalog/identifier.ts';
import { parquetCodec } from '../../../src/format/parquet/wasm-door.ts';
import { ChainWatch } from '../chain-watch.ts';
import { chance, logUniform, seedOf } from '../chance.ts';
import type { Scenario, ScenarioFigures } from '../scenario.ts';
import type { World } from '../world.ts';
import { identifierOf, LakeBench, tableNames } from './lake/bench.ts';
import { checkFiles, ended, settle } from './lake/course.ts';
import { commitFunction, ingestFunction } from './lake/functions.ts';
import { checkOnce, named } from './lake/named.ts';
import { PassingTable } from './lake/passing.ts';
import { displaced, misfit, producer, resharder, schemaChanger, vandal } from './lake/producers.ts';
import { reader, readUnion, Subscriber } from './lake/readers.ts';
import { checkpointer, compactor, ingestWorker, maintainer, replayer } from './lake/workers.ts';
import { worldSettings } from './world-settings.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Half of the logs forget; ingest must not stand still for so long there that rows are lost. */
const retentionMs = 2 * hourMs;

function retentionOf(seed: number): number | undefined {
  return chance(seedOf(seed, 'retention'), 1) < 0.5 ? retentionMs : undefined;
}

function stallMsMax(seed: number): number {
  return retentionOf(seed) === undefined ? 5 * hourMs : retentionMs / 10;
}

/** In quicker worlds that are too many looks at an idle log. */
const secondActPauseMsMin = 2 * 60_000;
const secondActRows = 20;

type Ingesting = (bench: LakeBench, draw: (name: string) => number) => readonly Promise<void>[];

export const workersScenario: Scenario = lakeScenario(
  'workers',
  'producers, long-lived ingest workers, compaction, maintenance, schema changes, resharding, readers, subscribers',
  (bench, draw) =>
    Array.from({ length: 1 + Math.floor(draw('ingests') * 2) }, (_, i) => ingestWorker(bench, `ingest-${i}`)),
);

export const functionsScenario: Scenario = lakeScenario(
  'functions',
  'the same with ingest called by an event source that repeats, bisects, overlaps and comes late',
  (bench, draw) => [
    ingestFunction(bench, { byMessage: false }),
    ...(draw('beside') < 0.3 ? [ingestWorker(bench, 'ingest-beside')] : []),
  ],
);

export const groupCommitScenario: Scenario = lakeScenario(
  'group-commit',
  'the same with ingest functions that leave their commits to a commit function',
  bench => [ingestFunction(bench, { byMessage: true }), commitFunction(bench)],
);

function lakeScenario(name: string, about: string, ingesting: Ingesting): Scenario {
  return {
    name,
    about,
    settings: seed => worldSettings(seed, { slow: 0.03, delayMs: stallMsMax(seed) }),
    run: world => runLake(world, ingesting),
  };
}

async function runLake(world: World, ingesting: Ingesting): Promise<ScenarioFigures> {
  // Loading it is real I/O, which has no place in virtual time.
  await parquetCodec();
  const draw = (name: string): number => chance(seedOf(world.seed, name), 2);
  const bench = new LakeBench(world, {
    rowsMax: 120,
    pauseMs: logUniform(draw('pause'), { min: 200, max: 10 * 60_000 }),
    shardCount: 1 + Math.floor(draw('shards') * 3),
    commitShardCount: 1 + Math.floor(draw('commit-shards') * 2),
    retentionMs: retentionOf(world.seed),
    hasLargeRows: draw('large') < 0.3,
    hasDynamicBuckets: draw('dynamic') < 0.3,
  });
  const chains = tableNames.map(name => new ChainWatch(tablePath(identifierOf(name)), () => undefined));
  for (const chain of chains) world.watch(chain);
  await bench.setUp();
  const subscribers = tableNames.map(name => new Subscriber(bench, name));
  const passing = draw('passing') < 0.4 ? new PassingTable(bench) : undefined;
  const writing = Array.from({ length: 1 + Math.floor(draw('producers') * 3) }, (_, i) => producer(bench, i));
  const carrying = [
    ...ingesting(bench, draw),
    compactor(bench, 'compactor'),
    ...(draw('foreign') < 0.3 ? [compactor(bench, 'foreign-compactor', { isForeign: true })] : []),
    maintainer(bench, 'maintainer'),
    checkpointer(bench, 'checkpointer'),
  ];
  const watching = [reader(bench, 'reader'), ...subscribers.map(subscriber => subscriber.run())];
  const meddling = [
    ...(draw('reshard') < 0.5 ? [resharder(bench)] : []),
    ...(draw('schema') < 0.5 ? [schemaChanger(bench)] : []),
    ...(draw('vandal') < 0.3 ? [vandal(bench)] : []),
    ...(draw('misfit') < 0.4 ? [misfit(bench)] : []),
    ...(draw('displaced') < 0.3
      ? [displaced(bench), replayer(bench, 'replayer'), replayer(bench, 'other-replayer')]
      : []),
    ...(passing === undefined ? [] : [passing.run(), passing.watch()]),
    // A name is known as long as the log keeps records, and worlds stall for longer than some logs do.
    ...(draw('named') < 0.4 && bench.settings.retentionMs === undefined ? [named(bench, 0), named(bench, 1)] : []),
  ];
  await world.run(() => bench.isOver, 40 * dayMs);
  world.faults.end();
  await settle(bench, subscribers, passing);
  if (bench.settings.pauseMs >= secondActPauseMsMin) {
    // Later the log has forgotten what it had, and shards that were closed.
    await world.run(() => false, 2 * retentionMs);
    bench.moreRows(secondActRows);
    writing.push(producer(bench, writing.length));
    await world.run(() => bench.isOver, dayMs);
    await settle(bench, subscribers, passing);
    bench.count('second acts');
  }
  const last = world.process('last-reader');
  const lastReads = tableNames.map(name => readUnion(bench, last, name));
  await ended(world, lastReads);
  bench.stop();
  for (const subscriber of subscribers) subscriber.stop();
  await ended(world, [...writing, ...carrying, ...watching, ...meddling]);
  await checkFiles(bench);
  checkOnce(bench);
  const commits = chains.reduce((sum, chain) => sum + chain.headId, 0);
  return { commits, counts: { ...bench.counts, 'records doubled': bench.model.doubles } };
}
