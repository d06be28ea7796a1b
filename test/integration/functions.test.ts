// The functions as they are deployed: bundled, in plain Node processes of the newest and the oldest version, on a real S3 and
// a Kinesis emulator, with the events that AWS would send. Every row once, whatever is handed over how often.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FunctionName, functionDefinitions } from '../../infra/definitions/functions.ts';
import { runProgram } from '../../scripts/cache-folder.ts';
import { olderNode } from '../../scripts/older-node.ts';
import { type Lake, type LakeSettings, openLake, t } from '../../src/index.ts';
import { objectCreatedEvent, sqlEvent } from '../services/function-events.ts';
import { FunctionHost } from '../services/function-host.ts';
import { startKinesalite } from '../services/kinesalite.ts';
import { startKinesisLocal } from '../services/kinesis-local.ts';
import type { KinesisService } from '../services/kinesis-service.ts';
import { startMinio } from '../services/minio.ts';
import type { S3Service } from '../services/s3-service.ts';
import { kinesisEvent, readStream, shardIds } from '../services/stream-events.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bundleBytesMax = 8 * 1024 * 1024;
const bundleNames = functionDefinitions.map(({ name }) => name);

type World = { readonly name: string; readonly node: string; readonly kinesis: KinesisService };

let bundles: string;
let minio: S3Service;
let kinesalite: KinesisService;
let kinesisLocal: KinesisService;

beforeAll(async () => {
  mkdirSync(join(root, '.cache'), { recursive: true });
  bundles = mkdtempSync(join(root, '.cache', 'functions-'));
  runProgram(process.execPath, [join(root, 'scripts', 'bundle.mjs'), bundles]);
  [minio, kinesalite, kinesisLocal] = await Promise.all([startMinio(), startKinesalite(), startKinesisLocal()]);
});

afterAll(async () => {
  await Promise.all([minio?.stop(), kinesalite?.stop(), kinesisLocal?.stop()]);
  rmSync(bundles, { recursive: true, force: true });
});

function settingsOf({ name, kinesis }: World): LakeSettings {
  // The SDK's clients add to the credentials they are given, so only what is wanted is taken.
  const { accessKeyId, secretAccessKey } = minio.credentials;
  return {
    warehouse: `s3://${minio.bucket}/lakes/${name}`,
    log: `kinesis://${name}`,
    s3: { endpoint: minio.endpoint, region: minio.region, accessKeyId, secretAccessKey },
    kinesis: { endpoint: kinesis.endpoint, region: kinesis.region, accessKeyId, secretAccessKey },
  };
}

function start(world: World, name: FunctionName, env: Record<string, string> = {}): Promise<FunctionHost> {
  const { warehouse, log = '' } = settingsOf(world);
  return FunctionHost.start({
    node: world.node,
    bundle: join(bundles, name, 'index.mjs'),
    env: {
      HOME: bundles,
      TIDELAKE_WAREHOUSE: warehouse,
      TIDELAKE_LOG: log,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
      AWS_REGION: minio.region,
      AWS_ACCESS_KEY_ID: minio.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: minio.credentials.secretAccessKey,
      AWS_ENDPOINT_URL_S3: minio.endpoint,
      AWS_ENDPOINT_URL_KINESIS: world.kinesis.endpoint,
      ...env,
    },
  });
}

function snapshotEvent({ name }: World, id: number): unknown {
  return objectCreatedEvent(minio.bucket, `lakes/${name}/demo.db/flights/snapshot/snapshot-${id}`);
}

async function ask(host: FunctionHost, sql: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const { status, pieces } = await host.request(sqlEvent(sql));
  const body = Buffer.concat(await Array.fromAsync(pieces)).toString();
  return { status, body: JSON.parse(body) as Record<string, unknown> };
}

async function makeTable(lake: Lake) {
  return lake.createTable('demo.flights', {
    columns: { flight: t.bigint(), origin: t.string(), delay: t.int().nullable() },
    primaryKey: ['flight'],
    options: { bucket: 16, 'num-sorted-run.compaction-trigger': 3, 'num-sorted-run.stop-trigger': 3 },
  });
}

async function produce(lake: Lake, from: number, to: number): Promise<void> {
  const table = await lake.table('demo.flights');
  await using writer = table.writer({ batchRowsMax: 50 });
  for (let start = from; start < to; start += 50) {
    const flights = Array.from({ length: Math.min(50, to - start) }, (_, index) => start + index);
    await Promise.all(flights.map(n => writer.upsert({ flight: n, origin: `O${n % 7}`, delay: n % 60 })));
  }
}

/** What the query function must answer, as of `count` flights. BIGINT is text in canonical JSON. */
function countsOf(count: number): unknown {
  const delays = Array.from({ length: count }, (_, n) => n % 60);
  return { flights: String(count), delays: String(delays.reduce((sum, delay) => sum + delay, 0)) };
}

const countsQuery = 'SELECT count(*) AS flights, CAST(sum(delay) AS BIGINT) AS delays FROM demo.flights';
const countsOfSnapshotQuery = `${countsQuery} /*+ OPTIONS('scan.mode'='latest') */`;

async function runAll(world: World): Promise<void> {
  await world.kinesis.createStream(world.name, 2);
  await using lake = await openLake(settingsOf(world));
  await makeTable(lake);
  await produce(lake, 0, 200);
  await using ingest = await start(world, 'ingest');
  await using query = await start(world, 'query');
  console.log(
    `${world.name}: ingest loaded in ${ingest.loadedMs.toFixed(0)} ms, query in ${query.loadedMs.toFixed(0)} ms`,
  );
  const nothingFails = { batchItemFailures: [] };
  const seen = new Map<string, string | undefined>();
  for (const shardId of await shardIds(world.kinesis, world.name)) {
    const records = await readStream(world.kinesis, world.name, shardId);
    expect(await ingest.invoke(kinesisEvent(world.name, shardId, records))).toEqual(nothingFails);
    seen.set(shardId, records.at(-1)?.sequenceNumber);
  }
  await produce(lake, 200, 1_000);
  for (const shardId of seen.keys()) {
    const records = await readStream(world.kinesis, world.name, shardId, seen.get(shardId));
    expect(records.length, shardId).toBeGreaterThan(10);
    const half = Math.floor(records.length / 2);
    const event = (from: number, to?: number) => kinesisEvent(world.name, shardId, records.slice(from, to));
    expect(await ingest.invoke(event(0, half))).toEqual(nothingFails);
    expect(await ingest.invoke(event(0, half))).toEqual(nothingFails);
    expect(await ingest.invoke(event(half - 3, half + 2))).toEqual(nothingFails);
    await using fresh = await start(world, 'ingest');
    const both = await Promise.all([fresh.invoke(event(half)), ingest.invoke(event(half - 1))]);
    expect(both).toEqual([nothingFails, nothingFails]);
    expect(await fresh.invoke(event(0))).toEqual(nothingFails);
    seen.set(shardId, records.at(-1)?.sequenceNumber);
  }
  const table = await lake.table('demo.flights');
  expect(await table.accounting()).toMatchObject({ rowsIn: 1_000n, written: 1_000n, duplicates: 0n });
  expect(await ask(query, countsOfSnapshotQuery)).toMatchObject({ status: 200, body: { rows: [countsOf(1_000)] } });

  // Rows that nobody has ingested yet, in the log alone.
  await produce(lake, 1_000, 1_200);
  expect((await ask(query, countsOfSnapshotQuery)).body['rows']).toEqual([countsOf(1_000)]);
  expect((await ask(query, countsQuery)).body['rows']).toEqual([countsOf(1_200)]);
  for (const [shardId, last] of seen) {
    const records = await readStream(world.kinesis, world.name, shardId, last);
    expect(await ingest.invoke(kinesisEvent(world.name, shardId, records))).toEqual(nothingFails);
  }

  await using compact = await start(world, 'compact');
  const newest = (await table.system('snapshots')).length;
  const first = await compact.invoke(snapshotEvent(world, newest));
  expect(first).toMatchObject({ table: 'demo.flights', end: 'done' });
  expect((first as { commits: number }).commits).toBeGreaterThan(0);
  expect(await compact.invoke(snapshotEvent(world, 1))).toMatchObject({ end: 'done', commits: 0 });
  expect(await compact.invoke({ source: 'aws.events', 'detail-type': 'Scheduled Event' })).toMatchObject({
    tables: [{ table: 'demo.flights', end: 'done' }],
    leftTables: 0,
    failures: [],
  });
  const said = ingest.told.filter(line => line['message'] === 'ingest');
  expect(said[0]).toMatchObject({ level: 'INFO', function: 'ingest', tables: [{ table: 'demo.flights' }] });
  expect(ingest.told.filter(line => 'ColdStart' in line)).toHaveLength(1);
  expect((await ask(query, countsOfSnapshotQuery)).body['rows']).toEqual([countsOf(1_200)]);
  expect(await ask(query, 'SELECT delay FROM demo.flights WHERE flight = 777')).toMatchObject({
    status: 200,
    body: { columns: ['delay'], rows: [{ delay: 777 % 60 }] },
  });
  expect(await ask(query, 'SELEC 1')).toMatchObject({ status: 400, body: { error: { code: 'LAKE_SQL_SYNTAX' } } });
  expect(await ask(query, 'DROP TABLE demo.flights')).toMatchObject({ status: 403 });
  expect(await ask(query, 'SELECT * FROM demo.nothing')).toMatchObject({ status: 404 });

  await using maintain = await start(world, 'maintain');
  expect(await maintain.invoke({ time: '2026-01-01T03:05:00Z' })).toMatchObject({ tables: 1, givenUp: [] });
  expect((await ask(query, countsQuery)).body['rows']).toEqual([countsOf(1_200)]);
  await expect(ingest.invoke({ Records: [{ nothing: 'of the kind' }] })).rejects.toMatchObject({
    code: 'LAKE_BAD_EVENT',
  });
  await checkCost(lake);
}

/** Each function has put its first invocation into the ledger, with requests and time; so has nobody else yet. */
async function checkCost(lake: Lake): Promise<void> {
  type CostRow = { purpose: string; put_requests: bigint; get_requests: bigint; gb_seconds: number; dollars: number };
  const rows = await (await lake.table('demo.flights')).system<CostRow>('cost');
  const spent = new Map(rows.map(row => [row.purpose, row]));
  expect([...spent.keys()].toSorted()).toEqual(['compaction', 'ingest', 'maintenance', 'read']);
  expect(spent.get('ingest')?.put_requests).toBeGreaterThan(3n);
  expect(spent.get('read')?.put_requests).toBe(0n);
  for (const { get_requests, gb_seconds, dollars } of rows) {
    expect([get_requests > 0n, gb_seconds > 0, dollars > 0]).toEqual([true, true, true]);
  }
}

/** Ingest hands its commits to the commit function, whose stream is read here as its event source would. */
async function runGrouped(world: World): Promise<void> {
  const commits = `${world.name}-commits`;
  await world.kinesis.createStream(world.name, 2);
  await world.kinesis.createStream(commits, 1);
  await using lake = await openLake(settingsOf(world));
  await makeTable(lake);
  await using commit = await start(world, 'commit');
  const shards = await shardIds(world.kinesis, world.name);
  const ingests = await Promise.all(
    shards.map(() => start(world, 'ingest', { TIDELAKE_COMMIT_LOG: `kinesis://${commits}` })),
  );
  const [commitShard = ''] = await shardIds(world.kinesis, commits);
  const seen = new Map<string, string | undefined>();
  let committed: string | undefined;
  let messageCount = 0;
  for (let round = 0; round < 3; round += 1) {
    await produce(lake, round * 300, round * 300 + 300);
    let running = true;
    const answers = Promise.all(
      shards.map(async (shardId, index) => {
        const records = await readStream(world.kinesis, world.name, shardId, seen.get(shardId));
        seen.set(shardId, records.at(-1)?.sequenceNumber ?? seen.get(shardId));
        return ingests[index]?.invoke(kinesisEvent(world.name, shardId, records));
      }),
    ).finally(() => {
      running = false;
    });
    while (running) {
      const messages = await readStream(world.kinesis, commits, commitShard, committed);
      if (messages.length === 0) continue;
      messageCount += messages.length;
      const event = kinesisEvent(commits, commitShard, messages);
      expect(await commit.invoke(event)).toEqual({ batchItemFailures: [] });
      expect(await commit.invoke(event)).toEqual({ batchItemFailures: [] });
      committed = messages.at(-1)?.sequenceNumber;
    }
    expect(await answers).toEqual(shards.map(() => ({ batchItemFailures: [] })));
  }
  expect(messageCount).toBeGreaterThanOrEqual(4);
  const table = await lake.table('demo.flights');
  expect(await table.accounting()).toMatchObject({ rowsIn: 900n, written: 900n, duplicates: 0n });
  const rows = await lake.sql<{ flights: bigint }>(countsOfSnapshotQuery);
  expect(await rows.rows()).toMatchObject([{ flights: 900n }]);
  await Promise.all(ingests.map(ingest => ingest[Symbol.asyncDispose]()));
}

test('on the pinned Node, with kinesalite', async () => {
  await runAll({ name: 'pinned', node: process.execPath, kinesis: kinesalite });
});

test('on the oldest Node, with kinesis-local', async () => {
  await runAll({ name: 'oldest', node: olderNode(), kinesis: kinesisLocal });
});

test('with a commit function', async () => {
  await runGrouped({ name: 'grouped', node: process.execPath, kinesis: kinesalite });
});

test('bundles are small: what is loaded at a cold start is under 8 MB, wasm included', () => {
  for (const name of bundleNames) {
    const folder = join(bundles, name);
    const files = readdirSync(folder).filter(file => file !== 'node_modules');
    const bytes = files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
    console.log(`${name}: ${(bytes / 1024 / 1024).toFixed(1)} MB`);
    expect(bytes, name).toBeLessThan(bundleBytesMax);
    expect(files, name).not.toContain('index.mjs.map');
  }
});

test('no bundle has what its function does not do', () => {
  const packagesOf = (name: string): string => {
    const { inputs }: { readonly inputs: object } = JSON.parse(
      readFileSync(join(bundles, `${name}.meta.json`), 'utf8'),
    );
    return Object.keys(inputs).join('\n');
  };
  for (const name of bundleNames) {
    expect(packagesOf(name).includes('node_modules/hono/'), `${name}: HTTP`).toBe(['query', 'catalog'].includes(name));
    expect(packagesOf(name).includes('src/sql/duckdb.ts'), `${name}: SQL`).toBe(name === 'query');
  }
});
