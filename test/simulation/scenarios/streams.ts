/**
 * Those who read streams, on the whole path with the product's own code in every part: readers that come and go with a place of
 * their own or one that the table remembers, live queries, rivals whose columns a table adopts, producers under one name; while
 * shards are split, retention passes who is slow, and the log is a service or lies in the bucket.
 */
import { tablePath } from '../../../src/catalog/identifier.ts';
import { parquetCodec } from '../../../src/format/parquet/wasm-door.ts';
import { ChainWatch } from '../chain-watch.ts';
import { chance, logUniform, seedOf } from '../chance.ts';
import type { Scenario, ScenarioFigures } from '../scenario.ts';
import type { World } from '../world.ts';
import { identifierOf, LakeBench, tableNames } from './lake/bench.ts';
import { checkFiles, ended, type Follower, settle } from './lake/course.ts';
import { checkOnce, named } from './lake/named.ts';
import { producer, resharder, schemaChanger } from './lake/producers.ts';
import { readUnion } from './lake/readers.ts';
import { checkpointer, compactor, ingestWorker, maintainer } from './lake/workers.ts';
import { adopter, checkAdopted } from './streams/adopters.ts';
import { PlaceModel } from './streams/place-model.ts';
import { PlaceReader } from './streams/place-reader.ts';
import { Watcher } from './streams/watcher.ts';
import { worldSettings } from './world-settings.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** Most logs forget; ingest must not stand still for so long there that rows are lost. */
const retentionMs = 2 * hourMs;
const secondActRows = 30;

export const streamsScenario: Scenario = {
  name: 'streams',
  about:
    'readers with places, consumers, live queries and adopted columns, passed by retention, split shards, a log in the bucket',
  settings: seed => worldSettings(seed, { slow: 0.03, delayMs: retentionMs / 10 }),
  run: runStreams,
};

async function runStreams(world: World): Promise<ScenarioFigures> {
  // Loading it is real I/O, which has no place in virtual time.
  await parquetCodec();
  const draw = (name: string): number => chance(seedOf(world.seed, name), 2);
  const bench = benchOf(world, draw);
  const chains = tableNames.map(name => new ChainWatch(tablePath(identifierOf(name)), () => undefined));
  for (const chain of chains) world.watch(chain);
  const places = new Map(tableNames.map(name => [name, new PlaceModel(bench, name)]));
  await bench.setUp();
  const readers = tableNames.flatMap(name => readersOf(bench, places, name, draw));
  const watchers = tableNames.flatMap(name => watchersOf(bench, places, name, draw));
  const followers: readonly (Follower & { readonly run: () => Promise<void> })[] = [...readers, ...watchers];
  const writing = Array.from({ length: 1 + Math.floor(draw('producers') * 2) }, (_, i) => producer(bench, i));
  const carrying = [
    ...Array.from({ length: 1 + Math.floor(draw('ingests') * 2) }, (_, i) =>
      ingestWorker(bench, `ingest-${i}`, { looks: true }),
    ),
    compactor(bench, 'compactor'),
    maintainer(bench, 'maintainer'),
    // Long-lived ingest alone keeps the log's checkpoints well, too.
    ...(draw('checkpointer') < 0.5 ? [checkpointer(bench, 'checkpointer')] : []),
  ];
  const following = [...followers.map(follower => follower.run()), ...rivalsOf(readers, draw)];
  const meddling = [
    ...(draw('reshard') < 0.7 ? [resharder(bench)] : []),
    ...(draw('schema') < 0.3 ? [schemaChanger(bench)] : []),
    ...(draw('adopt') < 0.6 ? [adopter(bench, 0), adopter(bench, 1)] : []),
    // A name is known as long as the log keeps records, and worlds stall for longer than some logs do.
    ...(draw('named') < 0.4 && bench.settings.retentionMs === undefined ? [named(bench, 0), named(bench, 1)] : []),
  ];
  await world.run(() => bench.isOver, 40 * dayMs);
  // The log has forgotten what it had, and shards that were closed; readers go on from where they stood.
  await world.run(() => false, 2 * retentionMs);
  bench.moreRows(secondActRows);
  writing.push(producer(bench, writing.length));
  await world.run(() => bench.isOver, dayMs);
  world.faults.end();
  await settle(bench, followers, undefined);
  await ended(
    world,
    tableNames.map(name => readUnion(bench, world.process('last-reader'), name)),
  );
  bench.stop();
  await ended(world, [...writing, ...carrying, ...following, ...meddling]);
  await checkFiles(bench);
  checkOnce(bench);
  await checkAdopted(bench);
  const commits = chains.reduce((sum, chain) => sum + chain.headId, 0);
  return { commits, counts: { ...bench.counts, 'records doubled': bench.model.doubles } };
}

type Draw = (name: string) => number;

function benchOf(world: World, draw: Draw): LakeBench {
  const hasBucketLog = draw('bucket-log') < 0.5;
  return new LakeBench(world, {
    rowsMax: 80,
    pauseMs: logUniform(draw('pause'), { min: 10_000, max: 10 * minuteMs }),
    shardCount: 1 + Math.floor(draw('shards') * 3),
    commitShardCount: 1,
    retentionMs: draw('retention') < 0.7 ? retentionMs : undefined,
    hasLargeRows: !hasBucketLog && draw('large') < 0.2,
    hasDynamicBuckets: draw('dynamic') < 0.2,
    hasBucketLog,
    reshardingsMax: 8,
    options: {
      'schema.evolution': 'adopt',
      ...(draw('kept-snapshots') < 0.5 ? { 'snapshot.time-retained': '12 h', 'snapshot.num-retained.min': '10' } : {}),
    },
    // Where another row may win than the last, only snapshots tell what came of it: here it is the last all the same.
    keyedOptions: draw('sequence') < 0.2 ? { 'sequence.field': 'n' } : {},
  });
}

type Places = ReadonlyMap<string, PlaceModel>;

function readersOf(bench: LakeBench, places: Places, tableName: string, draw: Draw): readonly PlaceReader[] {
  const kinds = [
    { name: 'reader', isConsumer: false, share: 0.8 },
    { name: 'consumer', isConsumer: true, share: 0.8 },
  ];
  return kinds
    .filter(({ name, share }) => draw(`${name} ${tableName}`) < share)
    .map(
      ({ name, isConsumer }) => new PlaceReader(bench, placesOf(places, tableName), { name, tableName, isConsumer }),
    );
}

function watchersOf(bench: LakeBench, places: Places, tableName: string, draw: Draw): readonly Watcher[] {
  const filters = [undefined, 10].filter((_, index) => draw(`watcher ${index} ${tableName}`) < 0.4);
  return filters.map(
    above =>
      new Watcher(bench, placesOf(places, tableName), {
        name: above === undefined ? 'watcher' : 'filter',
        tableName,
        above,
      }),
  );
}

/** At times two have one name: who comes later has it. */
function rivalsOf(readers: readonly PlaceReader[], draw: Draw): readonly Promise<void>[] {
  const consumers = readers.filter(({ isConsumer }) => isConsumer);
  return draw('rivals') < 0.3 ? consumers.map(consumer => consumer.run('rival')) : [];
}

function placesOf(places: Places, tableName: string): PlaceModel {
  const found = places.get(tableName);
  if (found === undefined) throw new Error(`no places of ${tableName}`);
  return found;
}
