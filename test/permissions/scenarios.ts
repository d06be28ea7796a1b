/**
 * Each function at each kind of work it has, small: together they need every right that is granted. A scenario throws when a
 * function fails or does not do what it should.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { PutRecordCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { decodeRecord, encodeRecord, type LogRecordHeader } from '../../src/flow/log-record.ts';
import { t } from '../../src/index.ts';
import type { FunctionHost } from '../services/function-host.ts';
import { untilActive } from '../services/kinesis-service.ts';
import { kinesisEvent, readStream, shardIds } from '../services/stream-events.ts';
import type { AccessWorld } from './access-world.ts';

export type Scenario = { readonly name: string; run(world: AccessWorld): Promise<void> };

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/** Of an invocation: half of it is what ingest waits for the commit function. */
const remainingMs = 12_000;

/** What ingest says when everything is committed. */
const nothingFails = { batchItemFailures: [] };

async function makeTable(
  world: AccessWorld,
  name: string,
  options: Record<string, string | number> = {},
): Promise<void> {
  await world.lake.createTable(name, {
    columns: { id: t.bigint(), origin: t.string(), delay: t.int().nullable() },
    primaryKey: ['id'],
    options: { bucket: 2, ...options },
  });
}

async function produce(world: AccessWorld, name: string, from: number, to: number): Promise<void> {
  await using writer = (await world.lake.table(name)).writer();
  const ids = Array.from({ length: to - from }, (_, index) => from + index);
  await Promise.all(ids.map(id => writer.upsert({ id, origin: `O${id % 7}`, delay: id % 60 })));
}

/** Hands a function what its stream has and it has not had. */
class Delivery {
  readonly #world: AccessWorld;
  readonly #stream: string;
  readonly #seen = new Map<string, string>();

  constructor(world: AccessWorld, stream: string) {
    this.#world = world;
    this.#stream = stream;
  }

  /** @param only this shard; all when not given */
  async to(host: FunctionHost, only?: string): Promise<number> {
    const { kinesis } = this.#world.services;
    let count = 0;
    for (const shardId of only === undefined ? await shardIds(kinesis, this.#stream) : [only]) {
      const records = await readStream(kinesis, this.#stream, shardId, this.#seen.get(shardId));
      const last = records.at(-1)?.sequenceNumber;
      if (last === undefined) continue;
      assert.deepEqual(await host.invoke(kinesisEvent(this.#stream, shardId, records), remainingMs), nothingFails);
      this.#seen.set(shardId, last);
      count += records.length;
    }
    return count;
  }
}

async function rowsOf(world: AccessWorld, name: string): Promise<number> {
  const result = await world.lake.sql<{ n: bigint }>(
    `SELECT count(*) AS n FROM ${name} /*+ OPTIONS('scan.mode'='latest') */`,
  );
  return Number((await result.rows())[0]?.n);
}

/** Producers are part of a table's state, which beyond 8 KB is an object of its own. */
const producersOfLargeState = 120;

function longProducer(index: number): string {
  return `producer-${'x'.repeat(60)}-${index}`;
}

/** A record of the log with another header, put behind what is there. */
async function appendChanged(
  world: AccessWorld,
  changes: (index: number) => Partial<LogRecordHeader>,
  count: number,
): Promise<void> {
  const { kinesis } = world.services;
  const [shardId = ''] = await shardIds(kinesis, world.logStream);
  const [first] = await readStream(kinesis, world.logStream, shardId);
  const record = decodeRecord(Buffer.from(first?.data ?? '', 'base64'), 'the first record');
  for (let index = 0; index < count; index += 1) {
    const header = { ...record.header, ...changes(index) };
    await append(world, encodeRecord({ ...record, header }));
  }
}

async function append({ services, logStream }: AccessWorld, data: Uint8Array): Promise<void> {
  await services.kinesis.client.send(new PutRecordCommand({ StreamName: logStream, PartitionKey: 'p', Data: data }));
}

const ingestAlone: Scenario = {
  name: 'ingest commits by itself, for two tables of one stream',
  async run(world) {
    await makeTable(world, 'demo.a', { 'file-index.bloom-filter.columns': 'origin' });
    await makeTable(world, 'demo.b', { bucket: -1, 'changelog-producer': 'input' });
    await produce(world, 'demo.a', 0, 100);
    await produce(world, 'demo.b', 0, 100);
    const ingest = await world.start('ingest');
    await new Delivery(world, world.logStream).to(ingest);
    assert.deepEqual([await rowsOf(world, 'demo.a'), await rowsOf(world, 'demo.b')], [100, 100]);
  },
};

const claims: Scenario = {
  name: 'ingest and queries take a batch that is too large for a record',
  async run(world) {
    await makeTable(world, 'demo.a');
    await using writer = (await world.lake.table('demo.a')).writer();
    // It cannot be compressed, and a record holds 1 MiB.
    await writer.upsert({ id: 1, origin: randomBytes(1_200_000).toString('base64'), delay: 1 });
    assert.equal((await world.keys('tidelake/claims/')).length, 1);
    assert.match(await ask(await world.start('query'), 'SELECT length(origin) AS n FROM demo.a'), /"1600000"/);
    await new Delivery(world, world.logStream).to(await world.start('ingest'));
    assert.equal(await rowsOf(world, 'demo.a'), 1);
  },
};

async function ask(query: FunctionHost, sql: string): Promise<string> {
  return await textOf(query, { method: 'POST', path: '/', body: { sql } });
}

/** What a function answers to a request to its URL. */
async function textOf(
  host: FunctionHost,
  { method, path, body }: { readonly method: string; readonly path: string; readonly body?: unknown },
): Promise<string> {
  const { pieces } = await host.request({
    version: '2.0',
    rawPath: path,
    requestContext: { http: { method, path } },
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return Buffer.concat(await Array.fromAsync(pieces)).toString();
}

const badData: Scenario = {
  name: 'ingest keeps what it cannot read and what its table cannot take',
  async run(world) {
    await makeTable(world, 'demo.a');
    await produce(world, 'demo.a', 0, 10);
    await append(world, Buffer.from('nobody can read this'));
    await appendChanged(world, () => ({ schemaId: 99, producerId: 'q', producerNumber: 1 }), 1);
    const ingest = await world.start('ingest');
    const delivery = new Delivery(world, world.logStream);
    await delivery.to(ingest);
    await appendChanged(world, () => ({ schemaId: 98, producerId: 'q', producerNumber: 2 }), 1);
    await delivery.to(ingest);
    const { deadLettered } = await (await world.lake.table('demo.a')).accounting();
    assert.ok(deadLettered > 0n);
  },
};

const manyProducers: Scenario = {
  name: 'ingest keeps a state that is too large for a snapshot',
  async run(world) {
    await makeTable(world, 'demo.a');
    await produce(world, 'demo.a', 0, 1);
    await appendChanged(
      world,
      index => ({ producerId: longProducer(index), producerNumber: 1 }),
      producersOfLargeState,
    );
    const ingest = await world.start('ingest');
    const delivery = new Delivery(world, world.logStream);
    await delivery.to(ingest);
    await produce(world, 'demo.a', 1, 2);
    await delivery.to(ingest);
    assert.equal(await rowsOf(world, 'demo.a'), 2);
  },
};

const resharding: Scenario = {
  name: 'ingest reads the parent of a shard that it is given first',
  async run(world) {
    const { kinesis } = world.services;
    await makeTable(world, 'demo.a', { bucket: 8 });
    await produce(world, 'demo.a', 0, 100);
    const [parent = ''] = await shardIds(kinesis, world.logStream);
    const half = (2n ** 127n).toString();
    const split = { StreamName: world.logStream, ShardToSplit: parent, NewStartingHashKey: half };
    await kinesis.client.send(new SplitShardCommand(split));
    await untilActive(kinesis.client, world.logStream);
    await produce(world, 'demo.a', 100, 200);
    const ingest = await world.start('ingest');
    const delivery = new Delivery(world, world.logStream);
    for (const shardId of await shardIds(kinesis, world.logStream)) {
      if (shardId !== parent) await delivery.to(ingest, shardId);
    }
    assert.equal(await rowsOf(world, 'demo.a'), 200);
  },
};

const byMessages: Scenario = {
  name: 'ingest sends messages, and the commit function commits them',
  async run(world) {
    await makeTable(world, 'demo.a');
    await produce(world, 'demo.a', 0, 10);
    await appendChanged(
      world,
      index => ({ producerId: longProducer(index), producerNumber: 1 }),
      producersOfLargeState,
    );
    const ingest = await world.start('ingest', { TIDELAKE_COMMIT_LOG: `kinesis://${world.commitStream}` });
    const commit = await world.start('commit', { TIDELAKE_COMMIT_LOG: `kinesis://${world.commitStream}` });
    const [log, commits] = [new Delivery(world, world.logStream), new Delivery(world, world.commitStream)];
    // What begins a shard is committed without a message.
    await log.to(ingest);
    await produce(world, 'demo.a', 10, 50);
    await appendChanged(world, () => ({ schemaId: 99, producerId: 'q', producerNumber: 1 }), 1);
    await appendChanged(
      world,
      index => ({ producerId: longProducer(index), producerNumber: 1 }),
      producersOfLargeState,
    );
    let running = true;
    let messageCount = 0;
    const ingested = log.to(ingest).finally(() => {
      running = false;
    });
    const committed = async (): Promise<void> => {
      while (running) messageCount += await commits.to(commit);
    };
    await Promise.all([ingested, committed()]);
    assert.ok(messageCount > 0);
    assert.equal(await rowsOf(world, 'demo.a'), 50);
  },
};

const compaction: Scenario = {
  name: 'compaction of keyed tables, with changelogs and with deletion vectors, and of a branch',
  async run(world) {
    const trigger = { 'num-sorted-run.compaction-trigger': 2, 'num-sorted-run.stop-trigger': 2 };
    await makeTable(world, 'demo.a', { ...trigger, 'changelog-producer': 'lookup' });
    await makeTable(world, 'demo.b', { ...trigger, 'deletion-vectors.enabled': 'true' });
    const compact = await world.start('compact');
    for (const name of ['a', 'b']) {
      // First many rows, then few of them again: the many stay where they are, and what is newer is marked.
      for (const [from, to] of [
        [0, 2_000],
        [500, 510],
        [500, 520],
      ] as const) {
        await produce(world, `demo.${name}`, from, to);
        await world.lake.ingest();
        const newest = (await (await world.lake.table(`demo.${name}`)).system('snapshots')).length;
        const done = await compact.invoke(snapshotEvent(world, `demo.db/${name}/snapshot/snapshot-${newest}`));
        assert.deepEqual(figures(done, ['end']), { end: 'done' });
      }
    }
    await (await world.lake.table('demo.a')).branches.create('dev');
    const ofBranch = await compact.invoke(snapshotEvent(world, 'demo.db/a/branch/branch-dev/snapshot/snapshot-3'));
    assert.deepEqual(figures(ofBranch, ['table', 'end']), { table: 'demo.a$branch_dev', end: 'done' });
    const ofAll = await compact.invoke({ source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} });
    assert.deepEqual(figures(ofAll, ['leftTables', 'failures']), { leftTables: 0, failures: [] });
  },
};

const sorting: Scenario = {
  name: 'compaction that sorts more than its memory holds',
  async run(world) {
    const table = await world.lake.createTable('demo.sorted', {
      columns: { id: t.bigint(), text: t.string() },
      options: {
        'clustering.incremental': 'true',
        'clustering.columns': 'id',
        'num-sorted-run.compaction-trigger': 2,
      },
    });
    for (let round = 0; round < 2; round += 1) {
      await using writer = table.writer();
      const ids = Array.from({ length: 20_000 }, (_, index) => index * 2 + round);
      await Promise.all(ids.map(id => writer.insert({ id, text: `${id}`.padEnd(400) })));
      await writer.flush();
      await world.lake.ingest();
    }
    const compact = await world.start('compact', { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256' });
    const done = await compact.invoke(snapshotEvent(world, 'demo.db/sorted/snapshot/snapshot-2'));
    assert.deepEqual(figures(done, ['end', 'commits']), { end: 'done', commits: 1 });
    assert.deepEqual(
      (await world.keys('demo.db/sorted/bucket-0/')).filter(key => key.includes('temporary-')),
      [],
    );
  },
};

function snapshotEvent({ bucket, folder }: AccessWorld, key: string): unknown {
  return { source: 'aws.s3', detail: { bucket: { name: bucket }, object: { key: `${folder}${key}` } } };
}

function figures(value: unknown, names: readonly string[]): Record<string, unknown> {
  const all: Record<string, unknown> = Object(value);
  return Object.fromEntries(names.map(name => [name, all[name]]));
}

const maintenance: Scenario = {
  name: 'maintenance of everything that has aged',
  async run(world) {
    const { lake } = world;
    await makeTable(world, 'demo.a', {
      'snapshot.num-retained.min': 1,
      'snapshot.time-retained': '1 min',
      'tag.automatic-creation': 'process-time',
      'tag.creation-period': 'daily',
    });
    for (const from of [0, 50, 100, 150]) {
      await produce(world, 'demo.a', from, from + 100);
      await lake.ingest();
    }
    await append(world, Buffer.from('nobody can read this'));
    await lake.createTable('demo.gone', { columns: { id: t.bigint() }, options: {} });
    await lake.dropTable('demo.gone');
    const aged = {
      'demo.db/a/snapshot/': 2 * hourMs,
      'demo.db/a/bucket-0/orphan': 3 * dayMs,
      'tidelake/claims/': 9 * dayMs,
      'tidelake-log/': hourMs,
    };
    await world.put('demo.db/a/bucket-0/orphan.parquet');
    await world.put('demo.db/gone/manifest/left');
    await world.put('tidelake/claims/claim-1');
    const day = new Date(Date.now() - 10 * dayMs).toISOString().slice(0, 10);
    for (const writer of ['one', 'two']) {
      await world.put(`tidelake/cost/${day}/${writer}.json`, `{"version":1,"writers":["${writer}"],"entries":[]}`);
    }
    for (const [prefix, ms] of Object.entries(aged)) world.age(prefix, ms);
    const maintain = await world.start('maintain');
    const done = await maintain.invoke({ orphans: 'remove' });
    assert.deepEqual(figures(done, ['snapshotsExpired', 'orphansRemoved', 'claimsRemoved', 'givenUp']), {
      snapshotsExpired: 2,
      orphansRemoved: 1,
      claimsRemoved: 1,
      givenUp: [],
    });
  },
};

const query: Scenario = {
  name: 'queries of tables, of what the log has beyond them, and of system tables',
  async run(world) {
    await makeTable(world, 'demo.a');
    await produce(world, 'demo.a', 0, 50);
    await world.lake.ingest();
    await produce(world, 'demo.a', 50, 80);
    const host = await world.start('query');
    assert.match(await ask(host, 'SELECT count(*) AS n FROM demo.a'), /"80"/);
    assert.match(await ask(host, 'SELECT count(*) AS n FROM demo.a$snapshots'), /"1"/);
    assert.match(await ask(host, 'SHOW TABLES IN demo'), /"a"/);
    await world.put('tidelake/cost/2026-01-01/one.json', '{"version":1,"writers":["one"],"entries":[]}');
    assert.match(await ask(host, 'SELECT count(*) AS n FROM demo.a$cost'), /"rows"/);
  },
};

const catalog: Scenario = {
  name: 'the catalog tells of tables and takes rows, also such as are too large for a record',
  async run(world) {
    await makeTable(world, 'demo.a');
    const host = await world.start('catalog');
    const get = (path: string): Promise<string> => textOf(host, { method: 'GET', path });
    const post = (origin: string): Promise<string> => {
      const change = { op: '+I', row: { id: '1', origin, delay: 1 } };
      return textOf(host, { method: 'POST', path: '/v1/tables/demo.a/rows', body: [change] });
    };
    assert.match(await get('/v1/databases'), /"demo"/);
    assert.match(await get('/v1/databases/demo/tables'), /"demo\.a"/);
    assert.match(await post('O1'), /"rows":1/);
    assert.match(await post(randomBytes(1_200_000).toString('base64')), /"rows":1/);
    assert.equal((await world.keys('tidelake/claims/')).length, 1);
    await world.lake.ingest();
    assert.match(await get('/v1/tables/demo.a'), /"latestSnapshot":\{"id":1/);
    assert.match(await get('/v1/tables/demo.a/snapshots'), /"snapshots":\[\{"id":1/);
  },
};

/** Rows of one table: one, and one that cannot be compressed and is too large for a record. */
function lines(): string {
  const rows = ['O1', randomBytes(1_200_000).toString('base64')].map((origin, id) => ({
    id: String(id),
    origin,
    delay: 1,
  }));
  return rows.map(row => `${JSON.stringify({ op: '+I', row })}\n`).join('');
}

const producer: Scenario = {
  name: 'a producer that is no function appends by the command line',
  async run(world) {
    await makeTable(world, 'demo.a');
    await world.command('ProducerRole', ['write', 'demo.a', '--in', '-', '--via-log'], lines());
    assert.equal((await world.keys('tidelake/claims/')).length, 1);
    await world.lake.ingest();
    assert.equal(await rowsOf(world, 'demo.a'), 2);
  },
};

const reader: Scenario = {
  name: 'a reader that is no function asks by the command line',
  async run(world) {
    await makeTable(world, 'demo.a');
    await produce(world, 'demo.a', 0, 50);
    await world.lake.ingest();
    await using writer = (await world.lake.table('demo.a')).writer();
    await writer.upsert({ id: 1_000, origin: randomBytes(1_200_000).toString('base64'), delay: 1 });
    assert.match(await world.command('ReaderRole', ['scan', 'demo.a', '--union', '--count']), /^51$/m);
  },
};

export const scenarios: readonly Scenario[] = [
  ingestAlone,
  claims,
  badData,
  manyProducers,
  resharding,
  byMessages,
  compaction,
  sorting,
  maintenance,
  query,
  catalog,
  producer,
  reader,
];
