/** Tables made, changed, dropped and made again. */
import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict';
import { alterTable, createTable, findSchema, loadSchema } from '../../src/catalog/catalog.ts';
import { readDropMarker } from '../../src/catalog/drop-marker.ts';
import { dropTable } from '../../src/catalog/drop-table.ts';
import type { SchemaChange } from '../../src/catalog/schema-change.ts';
import type { TableSchema } from '../../src/format/table-schema.ts';
import { maintainWarehouse } from '../../src/maintenance/maintain-warehouse.ts';
import { latestSnapshot } from '../../src/table/snapshots.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { hourMs, paths, snapshotIds } from '../maintenance-fixture.ts';
import {
  cleanedUp,
  definitionOf,
  identifier,
  makeTable,
  openLakeTable,
  rowsNamed,
  rowsOf,
  wholeTable,
  writeRows,
  writeRowsOnce,
} from './lake-table.ts';
import type { Scenario } from './scenario.ts';
import { type LakeProcess, newWorld, type World } from './world.ts';

async function tableOfRows(): Promise<World> {
  const world = newWorld();
  await makeTable(world);
  await writeRows(world, rowsNamed('old', 0, 10));
  await writeRows(world, rowsNamed('newer', 5, 15));
  return world;
}

/** Nothing is acknowledged of a table that is not there, and one that is there is whole. */
async function wholeIfThere(world: World): Promise<void> {
  if ((await findSchema(world, identifier)) !== undefined) await wholeTable(world);
  else ok(!world.acknowledged.has('created'), 'a table that was made is there');
}

async function schemaShape(world: World): Promise<unknown> {
  const { id, fields, options } = await loadSchema(world, identifier);
  const files = (await paths(world.store, 'schema/schema-')).toSorted();
  return { id, fields: fields.map(field => [field.id, field.name]), options, files };
}

const createScenario: Scenario = {
  operation: 'create table',
  prepare: async () => newWorld(),
  async run(process) {
    await makeTable(process);
    process.acknowledge('created');
  },
  async resume(process) {
    await createTable(process, identifier, definitionOf(), { ifNotExists: true });
    await writeRowsOnce(process, rowsNamed('new', 0, 10), { commitUser: 'writer' });
  },
  whole: wholeIfThere,
  async check(world) {
    const contents = [await schemaShape(world), await rowsOf(world)];
    await cleanedUp(world);
    return contents;
  },
  diesTwice: true,
};

/** Changes in the order in which they are made, and how it shows that one was. */
const schemaChanges: readonly {
  readonly change: SchemaChange;
  readonly isMade: (schema: TableSchema) => boolean;
}[] = [
  {
    change: { kind: 'add-column', name: 'extra', type: { kind: 'int', nullable: true } },
    isMade: ({ fields }) => fields.some(({ name }) => name === 'extra'),
  },
  {
    change: { kind: 'rename-column', name: 'v', newName: 'w' },
    isMade: ({ fields }) => fields.some(({ name }) => name === 'w'),
  },
  {
    change: { kind: 'drop-column', name: 'n' },
    isMade: ({ fields }) => fields.every(({ name }) => name !== 'n'),
  },
  {
    change: { kind: 'set-option', key: 'num-sorted-run.compaction-trigger', value: '9' },
    isMade: ({ options }) => options['num-sorted-run.compaction-trigger'] === '9',
  },
];

async function changeSchema(process: LakeProcess): Promise<void> {
  for (const { change, isMade } of schemaChanges) {
    if (isMade(await loadSchema(process, identifier))) continue;
    await alterTable(process, identifier, [change]);
    process.acknowledge(change.kind);
  }
  const rows: Scalar[][] = [7n, 40n].map(k => [k, `written${k}`, 5]);
  await writeRowsOnce(process, rows, { commitUser: 'writer' });
}

const alterScenario: Scenario = {
  operation: 'schema change',
  prepare: tableOfRows,
  run: changeSchema,
  resume: changeSchema,
  async whole(world) {
    await wholeTable(world);
    const schema = await loadSchema(world, identifier);
    for (const { change, isMade } of schemaChanges) {
      ok(isMade(schema) || !world.acknowledged.has(change.kind), `${change.kind} was acknowledged and is made`);
    }
  },
  async check(world) {
    const contents = [await schemaShape(world), await rowsOf(world)];
    await cleanedUp(world);
    return contents;
  },
};

const moreBuckets: SchemaChange = { kind: 'set-option', key: 'bucket', value: '8' };

/** The head carries the schema whose duties writers must know. */
async function dutiesCount(world: World): Promise<boolean> {
  const head = await latestSnapshot(await openLakeTable(world));
  return head?.schemaId === (await loadSchema(world, identifier)).id;
}

const dutiesScenario: Scenario = {
  operation: 'change of duties',
  // Rows of another number of buckets would have to be written anew first.
  async prepare() {
    const world = newWorld();
    await makeTable(world);
    return world;
  },
  async run(process) {
    await alterTable(process, identifier, [moreBuckets]);
    process.acknowledge('changed');
  },
  async resume(process) {
    const { options } = await loadSchema(process, identifier);
    if (options['bucket'] !== '8') await alterTable(process, identifier, [moreBuckets]);
    await writeRowsOnce(process, rowsNamed('new', 0, 10), { commitUser: 'writer' });
  },
  async whole(world) {
    await wholeTable(world);
    ok(!world.acknowledged.has('changed') || (await dutiesCount(world)), 'a change that was acknowledged counts');
  },
  async check(world) {
    ok(await dutiesCount(world), 'the change counts');
    const contents = [(await loadSchema(world, identifier)).options, await rowsOf(world)];
    await cleanedUp(world);
    return contents;
  },
};

const secondComment = 'the second table of the name';

/** As long as a table that was dropped is there, it shows all of its rows, or says that it was dropped. */
async function wholeDropped(world: World): Promise<void> {
  const schema = await findSchema(world, identifier);
  if (schema === undefined) return;
  if ((await readDropMarker(world.store, identifier)) !== undefined && schema.comment !== secondComment) {
    await rejects(rowsOf(world), { code: 'LAKE_TABLE_NOT_FOUND' });
    return;
  }
  const words = (await rowsOf(world)).map(([, v]) => String(v).replace(/\d+$/, ''));
  const old = words.filter(word => word === 'old' || word === 'newer');
  ok(old.length === 0 || old.length === 15, `${old.length} of 15 old rows`);
  ok(old.length === 0 || !world.acknowledged.has('dropped'), 'what was dropped is gone');
}

const dropScenario: Scenario = {
  operation: 'drop table',
  prepare: tableOfRows,
  async run(process) {
    await dropTable(process, identifier, { ifExists: true });
    process.acknowledge('dropped');
  },
  async resume(process) {
    await dropTable(process, identifier, { ifExists: true });
  },
  whole: wholeDropped,
  async check(world) {
    strictEqual(await findSchema(world, identifier), undefined, 'the table is gone');
    world.clock.advance(48 * hourMs);
    await maintainWarehouse(world, { orphans: 'remove', logRetentionMs: undefined });
    const marker = await readDropMarker(world.store, identifier);
    ok(marker !== undefined, 'the marker stays');
    deepStrictEqual(await snapshotIds(world.store), [marker.id]);
    deepStrictEqual(await paths(world.store, 'bucket-'), [], 'no row is left');
    return (await paths(world.store, '')).length;
  },
  diesTwice: true,
};

async function replaceTable(process: LakeProcess): Promise<void> {
  if ((await findSchema(process, identifier))?.comment !== secondComment) {
    await dropTable(process, identifier, { ifExists: true });
    process.acknowledge('dropped');
    await createTable(process, identifier, { ...definitionOf(), comment: secondComment }, { ifNotExists: true });
    process.acknowledge('created');
  }
  await writeRowsOnce(process, rowsNamed('second', 3, 9), { commitUser: 'writer' });
}

const replaceScenario: Scenario = {
  operation: 'drop table and make it again',
  prepare: tableOfRows,
  run: replaceTable,
  resume: replaceTable,
  async whole(world) {
    await wholeDropped(world);
    const schema = await findSchema(world, identifier);
    ok(schema?.comment === secondComment || !world.acknowledged.has('created'), 'a table that was made is there');
  },
  async check(world) {
    const { id, comment } = await loadSchema(world, identifier);
    const contents = [id, comment, await rowsOf(world)];
    await cleanedUp(world);
    return contents;
  },
  diesTwice: true,
};

export const catalogScenarios: readonly Scenario[] = [
  createScenario,
  alterScenario,
  dutiesScenario,
  dropScenario,
  replaceScenario,
];
