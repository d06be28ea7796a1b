/** Producers that append to the log, of rows that fit in a record and of rows that need a claim check. */
import { deepStrictEqual, ok } from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { seededRandom } from '../../src/base/random.ts';
import { loadSchema } from '../../src/catalog/catalog.ts';
import { claimFolder } from '../../src/flow/claim.ts';
import { loadRows } from '../../src/flow/load/load.ts';
import type { LogRows } from '../../src/flow/log-record.ts';
import { append, testProducer } from '../../src/flow/testing.ts';
import { removeAgedClaims } from '../../src/maintenance/aged-claims.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { allObjects, hourMs } from '../maintenance-fixture.ts';
import { drain } from './ingest-scenarios.ts';
import { accountedCounters, cleanedUp, identifier, makeTable, rowsNamed, rowsOf, wholeTable } from './lake-table.ts';
import type { Scenario } from './scenario.ts';
import { type LakeProcess, newWorld, type World } from './world.ts';

type Batches = { readonly rowCount: number; readonly textChars: number };

const batchCount = 3;
const keysOfBatch = 100;
const recordBytesMax = 1_500;

/** Rows of one batch as one of the processes sends it; their text says which. */
function batchRows(by: 'first' | 'second', batch: number, { rowCount, textChars }: Batches): Scalar[][] {
  const random = seededRandom(batch + 1);
  let noise = '';
  while (noise.length < textChars) noise += random.uuid();
  return rowsNamed(`${by} ${noise} `, batch * keysOfBatch, batch * keysOfBatch + rowCount);
}

async function produce(process: LakeProcess, by: 'first' | 'second', batches: Batches): Promise<void> {
  const schema = await loadSchema(process, identifier);
  const producer = testProducer(process, schema, 'd.t');
  const { acknowledged } = process.world;
  for (let batch = 0; batch < batchCount; batch += 1) {
    if (acknowledged.has(`first ${batch}`) || acknowledged.has(`second ${batch}`)) continue;
    await append(producer, schema, batchRows(by, batch, batches));
    process.acknowledge(`${by} ${batch}`);
  }
}

/** Acknowledged rows are there once; rows whose process never heard of them are there once or not at all. */
async function checkBatches(world: World, batches: Batches): Promise<void> {
  const rows = (await rowsOf(world)).map(row => String(row));
  const timesOf = (row: readonly Scalar[]): number => rows.filter(there => there === String(row)).length;
  let seen = 0;
  for (let batch = 0; batch < batchCount; batch += 1) {
    ok(
      ['first', 'second'].some(by => world.acknowledged.has(`${by} ${batch}`)),
      'every batch is acknowledged in the end',
    );
    for (const by of ['first', 'second'] as const) {
      const times = batchRows(by, batch, batches).map(timesOf);
      seen += times.reduce((sum, count) => sum + count, 0);
      const isAcknowledged = world.acknowledged.has(`${by} ${batch}`);
      const isRight = (count: number): boolean => count === 1 || (count === 0 && !isAcknowledged);
      ok(times.every(isRight), `rows of ${by} ${batch}, acknowledged: ${isAcknowledged}, are there ${times} times`);
    }
  }
  ok(seen === rows.length, 'there is no other row');
}

function producerScenario(operation: string, batches: Batches): Scenario {
  return {
    operation,
    async prepare() {
      const world = newWorld({ logRecordBytesMax: recordBytesMax });
      await makeTable(world, { keepsRows: true });
      return world;
    },
    async run(process) {
      await produce(process, 'first', batches);
      await drain(process);
    },
    async resume(process) {
      await produce(process, 'second', batches);
      await drain(process);
    },
    whole: async world => {
      await wholeTable(world);
      await accountedCounters(world);
    },
    async check(world) {
      await checkBatches(world, batches);
      const hasClaims = (await allObjects(world.store, claimFolder)).length > 0;
      ok(hasClaims === batches.textChars > recordBytesMax, 'what is larger than a record is claimed');
      await cleanedUp(world);
      world.clock.advance(24 * hourMs);
      await removeAgedClaims(world.store, { logRetentionMs: 24 * hourMs });
      deepStrictEqual(await allObjects(world.store, claimFolder), [], 'claims go when the log has forgotten them');
    },
  };
}

const loadRowCount = 60;

function loadOf(by: 'first' | 'second'): Scalar[][] {
  return rowsNamed(`${by} ${'x'.repeat(40)}`, 0, loadRowCount);
}

async function load(process: LakeProcess, by: 'first' | 'second'): Promise<void> {
  const schema = await loadSchema(process, identifier);
  const target = { tableId: schema.extra['tidelake.table'] ?? '', tableName: 'd.t', schema };
  async function* batches(): AsyncGenerator<LogRows, void, undefined> {
    const rows = loadOf(by);
    yield { rows: buildBatch({ fields: schema.fields }, rows), kinds: new Int8Array(rows.length) };
  }
  const settings = { claimBytes: 700, heldBytesMax: 1_400 };
  await loadRows(process, target, { name: 'one', settings }, batches());
  process.acknowledge('one');
}

/** Whoever comes back brings other rows, which count only when nothing of the first was written down. */
const bulkLoad: Scenario = {
  operation: 'bulk load',
  async prepare() {
    const world = newWorld();
    await makeTable(world, { keepsRows: true });
    return world;
  },
  async run(process) {
    await load(process, 'first');
    await drain(process);
  },
  async resume(process) {
    await load(process, 'second');
    await drain(process);
  },
  whole: async world => {
    await wholeTable(world);
    await accountedCounters(world);
  },
  async check(world) {
    ok(world.acknowledged.has('one'), 'the load is acknowledged in the end');
    const rows = (await rowsOf(world)).map(row => String(row)).toSorted();
    const sets = (['first', 'second'] as const).map(by =>
      loadOf(by)
        .map(row => String(row))
        .toSorted(),
    );
    ok(
      sets.some(set => isDeepStrictEqual(set, rows)),
      `the rows of one of them are there, each once, not ${rows.length}`,
    );
    await cleanedUp(world);
    world.clock.advance(49 * hourMs);
    await removeAgedClaims(world.store, { logRetentionMs: 24 * hourMs });
    deepStrictEqual(
      await allObjects(world.store, claimFolder),
      [],
      'claims and the load go when the log has forgotten them',
    );
  },
};

export const producerScenarios: readonly Scenario[] = [
  producerScenario('producer', { rowCount: 8, textChars: 10 }),
  producerScenario('producer of claims', { rowCount: 1, textChars: 6_000 }),
  bulkLoad,
];
