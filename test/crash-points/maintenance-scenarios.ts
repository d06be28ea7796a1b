/** Expiry, orphan cleaning and all of maintenance, of tables with every kind of thing that is removed or that pins. */
import { deepStrictEqual, ok } from 'node:assert/strict';
import { createTable } from '../../src/catalog/catalog.ts';
import { append as appendRows, testProducer } from '../../src/flow/testing.ts';
import { readChain } from '../../src/maintenance/chain.ts';
import { expireSnapshots } from '../../src/maintenance/expire-snapshots.ts';
import { ownLine } from '../../src/maintenance/lines.ts';
import { maintainTable } from '../../src/maintenance/maintain-table.ts';
import type { RunEnd } from '../../src/maintenance/receipt.ts';
import { removeOrphanFiles } from '../../src/maintenance/remove-orphan-files.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { compactTable } from '../../src/table/compact/compact-table.ts';
import { snapshotById, snapshotOfTag } from '../../src/table/snapshots.ts';
import { branch, hourMs, paths, snapshotIds, tablePath, tag } from '../maintenance-fixture.ts';
import { drain } from './ingest-scenarios.ts';
import {
  cleanedUp,
  definitionOf,
  identifier,
  openLakeTable,
  rowsNamed,
  rowsOf,
  stateOf,
  wholeTable,
  writeRows,
} from './lake-table.ts';
import type { Scenario } from './scenario.ts';
import { newWorld, type World } from './world.ts';

const dayMs = 24 * hourMs;
/** Enough lanes to make the ingest state too large for a snapshot file. */
const producerCount = 70;

async function compact(world: World, branchName?: string): Promise<void> {
  const table = await openLakeTable(world, branchName);
  await using committer = new Committer(table);
  await compactTable(table, committer, { isFull: true });
}

/** Rows of many producers, so that each commit has a state object of its own. */
async function ingestRows(world: World, word: string): Promise<void> {
  const table = await openLakeTable(world);
  for (let index = 0; index < producerCount; index += 1) {
    await appendRows(testProducer(world, table.schema, 'd.t'), table.schema, rowsNamed(word, 0, 6));
  }
  await drain(world);
  const snapshots = await paths(world.store, 'tidelake/state-');
  ok(snapshots.length > 0, 'the state lies in an object of its own');
}

/** Every kind of thing that is removed, and every kind of pin; old litter, too. */
async function busyWorld(): Promise<World> {
  const world = newWorld();
  const definition = definitionOf({ options: { 'manifest.merge-min-count': '2' } });
  await createTable(world, identifier, definition, { ifNotExists: false });
  await ingestRows(world, 'a');
  await tag(world.store, 'first', 1);
  await ingestRows(world, 'b');
  await branch(world.store, 'dev', 2);
  await world.store.put(`${tablePath}/manifest/manifest-lost`, new Uint8Array(1));
  await world.store.put(`${tablePath}/bucket-0/lost`, new Uint8Array(1));
  world.clock.advance(3 * dayMs);
  await writeRows(world, rowsNamed('dev', 4, 8), { branch: 'dev' });
  await compact(world, 'dev');
  await compact(world);
  for (const word of ['d', 'e']) await writeRows(world, rowsNamed(word, 0, 9));
  await compact(world);
  for (const word of ['g', 'h']) {
    world.clock.advance(2 * hourMs);
    await writeRows(world, rowsNamed(`dev-${word}`, 4, 8), { branch: 'dev' });
    await writeRows(world, rowsNamed(word, 2, 12));
  }
  world.clock.advance(2 * hourMs);
  return world;
}

async function contentsOf(world: World): Promise<unknown> {
  const tagged = await snapshotOfTag(await openLakeTable(world), 'first');
  return {
    rows: await rowsOf(world),
    dev: await rowsOf(world, undefined, 'dev'),
    tagged: await rowsOf(world, tagged),
    counters: (await stateOf(world))?.counters,
  };
}

/** A part of maintenance, and how it ended. */
type Run = (parts: Parameters<typeof openLakeTable>[0]) => Promise<RunEnd>;

/** @param run the part of maintenance that is struck; it is what is done again, too */
function maintenanceScenario(operation: string, run: Run): Scenario {
  return {
    operation,
    prepare: busyWorld,
    run: async process => void (await run(process)),
    resume: async process => deepStrictEqual((await run(process)).status, 'done', 'the next run comes to its end'),
    whole: wholeTable,
    async check(world) {
      const ids = await snapshotIds(world.store);
      const contents = await contentsOf(world);
      await cleanedUp(world, ['dev']);
      return [ids, contents];
    },
  };
}

const expiry: Run = async parts => expireSnapshots(await openLakeTable(parts));
const orphans: Run = async parts => removeOrphanFiles(await openLakeTable(parts));
const everything: Run = async parts => (await maintainTable(await openLakeTable(parts), { orphans: 'remove' })).end;

/** Whatever is not gone for good when a run has died can still be wanted: a consumer pins it, and gets it back. */
const expiryThenConsumer: Scenario = {
  operation: 'expiry before a consumer comes',
  async prepare() {
    const world = newWorld();
    await createTable(world, identifier, definitionOf(), { ifNotExists: false });
    for (const word of ['a', 'b', 'c', 'd', 'e']) {
      await writeRows(world, rowsNamed(word, 0, 6));
      if (word === 'b') await compact(world);
      world.clock.advance(1.5 * hourMs);
    }
    return world;
  },
  run: async process => void (await expiry(process)),
  async resume(process) {
    const { world } = process;
    const wanted = [...world.acknowledged].find(what => what.startsWith('wanted '));
    if (wanted === undefined) {
      const { record } = await readChain(ownLine(await openLakeTable(world)), 1);
      const id = Math.max(2, record.floor);
      await world.store.put(`${tablePath}/consumer/consumer-job`, Buffer.from(`{"nextSnapshot":${id}}`));
      world.acknowledged.add(`wanted ${id}`);
    }
    deepStrictEqual((await expiry(process)).status, 'done');
  },
  whole: wholeTable,
  async check(world) {
    const wanted = [...world.acknowledged].find(what => what.startsWith('wanted '));
    const id = Number(wanted?.slice('wanted '.length));
    const snapshot = await snapshotById(await openLakeTable(world), id);
    deepStrictEqual((await rowsOf(world, snapshot)).length, 6, 'the consumer has the rows of its snapshot');
    const contents = await rowsOf(world);
    await cleanedUp(world);
    await snapshotById(await openLakeTable(world), id);
    return contents;
  },
};

export const maintenanceScenarios: readonly Scenario[] = [
  maintenanceScenario('expiry', expiry),
  expiryThenConsumer,
  maintenanceScenario('orphan cleaning', orphans),
  maintenanceScenario('maintenance', everything),
];
