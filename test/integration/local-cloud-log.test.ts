// The log of the local cloud when it is throttled and resharded under load, and what its tables could not take: every row counts
// once. And the whole cloud stopped and started again by its command, with what it had kept.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ListShardsCommand, MergeShardsCommand, type Shard, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { append, testProducer } from '../../src/flow/testing.ts';
import { type Lake, type LakeSettings, openLake, t } from '../../src/index.ts';
import { logOf, openLakeParts } from '../../src/service/lake-parts.ts';
import { openLakeTable } from '../../src/service/tables.ts';
import { freePort } from '../services/child-service.ts';
import { CountedTraffic } from '../services/counted-traffic.ts';
import { FaultyProxy, throttled } from '../services/faulty-proxy.ts';
import { untilActive } from '../services/kinesis-service.ts';
import { TestCloud } from '../services/test-cloud.ts';

const trafficMs = 6_000;
const throttledShare = 0.3;
/** That `npm run local` uses, from one on. */
const localPortCount = 5;
const cli = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const localMain = fileURLToPath(new URL('../../scripts/local-cloud/main.ts', import.meta.url));

let front: FaultyProxy | undefined;
let cloud: TestCloud;
let lake: Lake;

beforeAll(async () => {
  cloud = await TestCloud.start({
    parameters: { GroupCommit: 'OFF', Runtime: 'nodejs24.x' },
    kinesisFront: async target => {
      front = await FaultyProxy.start({ target, seed: 1, faultShare: 0 });
      front.faults = [throttled];
      return front.endpoint;
    },
  });
  lake = await openLake(cloud.cloud.lakeSettings);
});

afterAll(async () => {
  await lake?.[Symbol.asyncDispose]();
  await cloud?.[Symbol.asyncDispose]();
  await front?.[Symbol.asyncDispose]();
});

function run(env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const options = { env: { ...process.env, ...env }, timeout: 120_000 };
  return promisify(execFile)(process.execPath, [cli, ...args], options);
}

test('a log that is throttled: nothing is lost and nothing comes twice', async () => {
  await using traffic = await CountedTraffic.start(lake, 'demo.throttled');
  const proxy = front;
  if (proxy === undefined) throw new Error('nothing stands before the log');
  proxy.faultShare = throttledShare;
  try {
    await systemClock.sleep(trafficMs);
  } finally {
    proxy.faultShare = 0;
  }
  expect(await traffic.settle()).toEqual([]);
  console.log(`${proxy.faultCounts[throttled]} of ${proxy.requestCount} requests were throttled`);
  expect(proxy.faultCounts[throttled]).toBeGreaterThan(10);
});

test('what parameters choose is what runs: the newer Node, and commits by ingest itself', () => {
  expect(cloud.cloud.mappings.map(({ stream }) => stream)).toEqual(['tidelake-local-LogStream']);
  expect(cloud.cloud.function('ingest').spec.env).not.toHaveProperty('TIDELAKE_COMMIT_LOG');
  expect(cloud.linesOf('ingest')).toContainEqual(expect.stringContaining('INIT_START Runtime Version: nodejs24.x'));
});

test('a log whose shards are split and merged under load', async () => {
  const { client } = cloud.cloud.services.kinesis;
  const [{ name: StreamName = '' } = {}] = cloud.cloud.stack.streams;
  const openShards = async (): Promise<readonly Shard[]> => {
    const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName }));
    return Shards.filter(shard => shard.SequenceNumberRange?.EndingSequenceNumber === undefined);
  };
  await using traffic = await CountedTraffic.start(lake, 'demo.split');
  await systemClock.sleep(trafficMs / 3);
  const [{ ShardId: ShardToSplit, HashKeyRange: range } = {}] = await openShards();
  const middle = (BigInt(range?.StartingHashKey ?? 0) + BigInt(range?.EndingHashKey ?? 0)) / 2n;
  await client.send(new SplitShardCommand({ StreamName, ShardToSplit, NewStartingHashKey: String(middle) }));
  await untilActive(client, StreamName);
  await systemClock.sleep(trafficMs / 3);
  const [left, right] = await openShards();
  await client.send(
    new MergeShardsCommand({ StreamName, ShardToMerge: left?.ShardId, AdjacentShardToMerge: right?.ShardId }),
  );
  await untilActive(client, StreamName);
  await systemClock.sleep(trafficMs / 3);
  expect(await traffic.settle()).toEqual([]);
  const mapping = cloud.cloud.mappings.find(({ stream }) => stream === StreamName);
  expect(mapping?.shardIds).toHaveLength(4);
});

test('rows that a table could not take come back by the command, once, when the table takes them', async () => {
  const env = cloud.cloud.clientVariables;
  await lake.createTable('demo.letters', {
    columns: { k: t.bigint(), v: t.string() },
    primaryKey: ['k'],
    options: { bucket: 2 },
  });
  const table = await lake.table('demo.letters');
  {
    await using parts = await openLakeParts(cloud.cloud.lakeSettings);
    const { schema } = await openLakeTable(parts, 'demo.letters');
    // As a producer would that knows the schema from before its column was NOT NULL.
    const fields = schema.fields.map(field => ({ ...field, type: { ...field.type, nullable: true } }));
    const producer = testProducer({ ...parts, log: logOf(parts, 'the test') }, schema, 'demo.letters');
    const rows = Array.from({ length: 20 }, (_, n): [bigint, string | null] => [
      BigInt(n),
      n % 4 === 0 ? null : `v${n}`,
    ]);
    await append(producer, { ...schema, fields }, rows);
  }
  await expect.poll(async () => (await table.accounting()).deadLettered, { timeout: 60_000 }).toBe(5n);
  expect((await run(env, 'dead-letters', 'list', 'demo.letters')).stdout).toMatch(/null-value +\d .*`v` is NOT NULL/);
  expect((await run(env, 'dead-letters', 'replay', 'demo.letters')).stderr).toContain('replayed 0 rows');
  await run(env, 'sql', 'ALTER TABLE demo.letters MODIFY v STRING');
  expect((await run(env, 'dead-letters', 'replay', 'demo.letters')).stderr).toContain(
    'replayed 5 rows of demo.letters',
  );
  expect((await run(env, 'dead-letters', 'replay', 'demo.letters')).stderr).toContain('replayed 0 rows');
  expect((await run(env, 'scan', 'demo.letters', '--count')).stdout).toBe('20\n');
  const { rowsIn, written, mergedAway, deadLettered, duplicates, replayed } = await table.accounting();
  expect(rowsIn).toBe(written + mergedAway + deadLettered + duplicates);
  expect([deadLettered, replayed, duplicates]).toEqual([5n, 5n, 0n]);
});

type Local = AsyncDisposable & { readonly child: ChildProcess; readonly said: () => string };

/** `npm run local`, until it says that it is up. */
async function startLocal(folder: string, port: number): Promise<Local> {
  const child = spawn(process.execPath, [localMain, '--dir', folder, '--port', String(port)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  for (const output of [child.stdout, child.stderr]) {
    output.on('data', chunk => {
      said += String(chunk);
    });
  }
  const local: Local = {
    child,
    said: () => said,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) await stopLocal(child);
    },
  };
  try {
    await expect.poll(local.said, { timeout: 120_000, interval: 100 }).toContain('Ctrl-C stops everything');
    return local;
  } catch (error) {
    await local[Symbol.asyncDispose]();
    throw error;
  }
}

async function stopLocal(child: ChildProcess): Promise<number | null> {
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve));
  child.kill('SIGINT');
  return ended;
}

function variablesOf(folder: string): Readonly<Record<string, string>> {
  const lines = readFileSync(join(folder, 'env.sh'), 'utf8').trim().split('\n');
  return Object.fromEntries(lines.map(line => /^export (\w+)='(.*)'$/.exec(line)?.slice(1) ?? []));
}

function settingsOf(env: Readonly<Record<string, string>>): LakeSettings {
  const { AWS_REGION: region, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  return {
    warehouse: env['TIDELAKE_WAREHOUSE'] ?? '',
    log: env['TIDELAKE_LOG'],
    s3: { endpoint: env['AWS_ENDPOINT_URL_S3'], region, accessKeyId, secretAccessKey },
    kinesis: { endpoint: env['AWS_ENDPOINT_URL_KINESIS'], region, accessKeyId, secretAccessKey },
  };
}

test('npm run local says where everything is, works, stops cleanly, and goes on with what it kept', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidelake-local-test-'));
  const port = await freePort(localPortCount);
  try {
    await using first = await startLocal(folder, port);
    expect(first.said()).toContain(`s3://tidelake-local-warehousebucket, on MinIO at http://127.0.0.1:${port + 1}`);
    const env = variablesOf(folder);
    const ddl = 'CREATE TABLE demo.kept (k BIGINT PRIMARY KEY NOT ENFORCED, v STRING)';
    await run(env, 'sql', `${ddl} WITH ('bucket' = '1')`);
    await using there = await openLake(settingsOf(env));
    const table = await there.table('demo.kept');
    const write = async (v: string): Promise<void> => {
      await using writer = table.writer();
      await writer.writeAll([1, 2].map(k => ({ k, v })));
    };
    const written = async (): Promise<bigint> => (await table.accounting()).written;
    await write('a');
    await expect.poll(written, { timeout: 120_000, interval: 200 }).toBe(2n);
    await expect.poll(first.said, { timeout: 60_000 }).toMatch(/ingest +\d+ ms, started in \d+ ms, \d+ of 512 MB/);
    first.child.stdin?.write('\n');
    await expect.poll(first.said, { timeout: 60_000 }).toContain('deployed version 2');
    expect(await stopLocal(first.child)).toBe(0);
    await using second = await startLocal(folder, port);
    expect(await table.lookup({ k: 1 })).toEqual({ k: 1n, v: 'a' });
    await write('b');
    await expect.poll(written, { timeout: 120_000, interval: 200 }).toBe(4n);
    expect(await table.lookup({ k: 1 })).toEqual({ k: 1n, v: 'b' });
    const { rowsIn, duplicates } = await table.accounting();
    expect([rowsIn, duplicates]).toEqual([4n, 0n]);
    expect(await stopLocal(second.child)).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});

test('npm run local refuses a port and a parameter that make no sense, with the reason', async () => {
  const refused = (...args: readonly string[]) => promisify(execFile)(process.execPath, [localMain, ...args]);
  await expect(refused('--port', 'x')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--port takes'),
  });
  await expect(refused('--parameter', 'LogShards')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--parameter "LogShards": NAME=VALUE is wanted'),
  });
  await expect(refused('--parameter', 'LogShard=2')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/--parameter LogShard: there is no such parameter; there are .*LogShards/),
  });
  await expect(refused('--parameter', 'LogShards=0')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--parameter LogShards=0: must be at least 1'),
  });
});
