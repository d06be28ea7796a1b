// The whole lake in the local cloud: real MinIO, a Kinesis emulator, the bundled functions under AWS's own runtime client. Whatever
// becomes of the functions meanwhile, every row counts once.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { type Lake, openLake, t } from '../../src/index.ts';
import { CountedTraffic } from '../services/counted-traffic.ts';
import { TestCloud } from '../services/test-cloud.ts';

/** How long traffic goes on while things happen to it. */
const trafficMs = 6_000;
const killPollMs = 5;
const killMsMax = 60_000;

let cloud: TestCloud;
let lake: Lake;
let repeats = false;

beforeAll(async () => {
  cloud = await TestCloud.start({ parameters: { LogShards: '2', GroupCommit: 'ON' }, repeats: () => repeats });
  lake = await openLake(cloud.cloud.lakeSettings);
});

afterAll(async () => {
  await lake?.[Symbol.asyncDispose]();
  await cloud?.[Symbol.asyncDispose]();
});

/** A request to the URL of a function; JSON both ways. */
async function ask(
  name: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: unknown }> {
  const posted = {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  };
  const answer = await fetch(`${cloud.cloud.urls.get(name)?.endpoint}${path}`, body === undefined ? {} : posted);
  return { status: answer.status, body: await answer.json() };
}

test('the functions do all the work by themselves, and what they weigh and take to start is told', async () => {
  await using traffic = await CountedTraffic.start(lake, 'demo.work');
  const table = await lake.table('demo.work');
  // EventBridge tells compact of the snapshots.
  await expect
    .poll(async () => (await table.system('snapshots')).map(row => row['commit_kind']), { timeout: 60_000 })
    .toContain('COMPACT');
  expect(await traffic.settle()).toEqual([]);
  const sql = "SELECT sum(n) AS n FROM demo.work /*+ OPTIONS('scan.mode'='latest') */";
  expect(await ask('query', '/sql', { sql })).toMatchObject({
    status: 200,
    body: { rows: [{ n: `${traffic.sent}` }] },
  });
  const { control } = cloud.cloud;
  const path = '2015-03-31/functions/tidelake-local-maintain/invocations';
  const maintained = await fetch(`${control.endpoint}/${path}`, { method: 'POST', body: '{"orphans":"dry-run"}' });
  expect([maintained.status, await maintained.json()]).toMatchObject([200, { givenUp: [] }]);
  await expect.poll(() => cloud.reportsOf('maintain').length).toBe(1);
  const used = (): readonly string[] =>
    [...cloud.cloud.functions].flatMap(([name, { reports }]) => (reports.length === 0 ? [] : name)).toSorted();
  // Nobody has asked the catalog for anything yet.
  await expect.poll(used, { timeout: 20_000 }).toEqual(['commit', 'compact', 'ingest', 'maintain', 'query']);
  for (const name of used()) {
    const { spec, reports } = cloud.cloud.function(name);
    const starts = reports.flatMap(({ initMs }) => initMs ?? []);
    const most = Math.max(...reports.map(({ memoryMbMax }) => memoryMbMax));
    expect(new Set(reports.map(({ status }) => status)), name).toEqual(new Set(['success']));
    expect(starts[0], name).toBeGreaterThan(0);
    expect(reports[0]?.initMs, name).toBe(starts[0]);
    expect(most, name).toBeGreaterThan(10);
    expect(most, name).toBeLessThanOrEqual(spec.memoryMb);
    expect(reports.map(({ memoryMb }) => memoryMb)).toEqual(reports.map(() => spec.memoryMb));
    const megabytes = (cloud.bundleBytes(name) / 1024 / 1024).toFixed(1);
    console.log(
      `${name}: ${megabytes} MB, started in ${starts[0]?.toFixed(0)} ms, ${reports.length} invocations, at most ${most} of ` +
        `${spec.memoryMb} MB`,
    );
  }
});

test('rows that are sent to the catalog come into the table once, and are told by it and by SQL', async () => {
  await lake.createTable('shop.orders', {
    columns: { id: t.bigint(), state: t.string() },
    primaryKey: ['id'],
    options: { bucket: 1 },
  });
  expect(await ask('catalog', '/v1/databases/shop/tables')).toEqual({ status: 200, body: { tables: ['shop.orders'] } });
  const changes = [1, 2, 3].map(id => ({ op: '+I', row: { id, state: 'new' } }));
  const number = { 'tidelake-producer': 'till-7', 'tidelake-number': '1' };
  for (let time = 0; time < 2; time += 1) {
    expect(await ask('catalog', '/v1/tables/shop.orders/rows', changes, number)).toMatchObject({
      status: 200,
      body: { rows: 3 },
    });
  }
  const table = await lake.table('shop.orders');
  await expect.poll(async () => (await table.accounting()).written, { timeout: 60_000 }).toBe(3n);
  const found = await ask('query', '/sql', { sql: 'SELECT count(*) AS n FROM shop.orders' });
  expect(found).toMatchObject({ status: 200, body: { rows: [{ n: '3' }] } });
  expect(await ask('query', '/sql', { sql: 'SELEC 1' })).toMatchObject({
    status: 400,
    body: { error: { code: 'LAKE_SQL_SYNTAX' } },
  });
  const { rowsIn, duplicates } = await table.accounting();
  expect(rowsIn - duplicates).toBe(3n);
});

test('functions that are killed in their middle again and again', async () => {
  await using traffic = await CountedTraffic.start(lake, 'demo.killed');
  const kills = { ingest: 0, commit: 0, compact: 0 };
  const deadlineMs = performance.now() + killMsMax;
  for (const name of ['ingest', 'commit', 'compact', 'ingest', 'commit', 'compact', 'ingest', 'ingest'] as const) {
    const before = kills[name];
    while (kills[name] === before && performance.now() < deadlineMs) {
      kills[name] += await cloud.cloud.function(name).killBusy();
      await systemClock.sleep(killPollMs);
    }
  }
  expect(await traffic.settle()).toEqual([]);
  console.log('killed:', JSON.stringify(kills));
  expect(Math.min(kills.ingest - 2, kills.commit, kills.compact)).toBeGreaterThanOrEqual(2);
  expect(cloud.reportsOf('ingest', 'error').length).toBeGreaterThanOrEqual(kills.ingest);
});

test('batches that are handed over twice', async () => {
  await using traffic = await CountedTraffic.start(lake, 'demo.twice');
  const repeated = (): number => cloud.cloud.mappings.reduce((sum, { repeatCount }) => sum + repeatCount, 0);
  const before = repeated();
  repeats = true;
  try {
    await systemClock.sleep(trafficMs);
    await expect.poll(() => repeated() - before, { timeout: 60_000 }).toBeGreaterThanOrEqual(4);
    expect(await traffic.settle()).toEqual([]);
  } finally {
    repeats = false;
  }
});

test('functions whose time runs out', async () => {
  await using traffic = await CountedTraffic.start(lake, 'demo.late');
  const ingest = cloud.cloud.function('ingest');
  const before = cloud.reportsOf('ingest', 'timeout').length;
  const { timeoutSeconds } = ingest.spec;
  ingest.deploy({ timeoutSeconds: 0.02 });
  await expect.poll(() => cloud.reportsOf('ingest', 'timeout').length - before, { timeout: 60_000 }).toBeGreaterThan(3);
  ingest.deploy({ timeoutSeconds });
  expect(await traffic.settle()).toEqual([]);
  expect(cloud.linesOf('ingest')).toContainEqual(expect.stringMatching(/Task timed out after 0\.02 seconds$/));
});

test('functions that have too little memory', async () => {
  await using traffic = await CountedTraffic.start(lake, 'demo.small');
  const ingest = cloud.cloud.function('ingest');
  const { memoryMb } = ingest.spec;
  const killed = (): number => cloud.linesOf('ingest').filter(line => line.endsWith('signal: killed')).length;
  const before = killed();
  // Less than it takes to start and to commit.
  ingest.deploy({ memoryMb: 75 });
  await expect.poll(killed, { timeout: 60_000 }).toBeGreaterThan(before + 2);
  ingest.deploy({ memoryMb });
  expect(await traffic.settle()).toEqual([]);
});

test('a deployment in the middle of traffic', async () => {
  await using traffic = await CountedTraffic.start(lake, 'demo.deployed');
  const failures = (): number =>
    [...cloud.cloud.functions.values()].flatMap(({ reports }) => reports.filter(({ status }) => status !== 'success'))
      .length;
  const before = failures();
  for (let version = 0; version < 3; version += 1) {
    await systemClock.sleep(trafficMs / 3);
    const folder = cloud.redeploy();
    expect(cloud.bundleOf('ingest').startsWith(folder)).toBe(true);
  }
  expect(await traffic.settle()).toEqual([]);
  expect(failures()).toBe(before);
});

test('an event that a function cannot work off is tried three times and ends in the queue', async () => {
  const [queue] = cloud.cloud.queues.values();
  const answer = await fetch(`${cloud.cloud.control.endpoint}/2015-03-31/functions/compact/invocations`, {
    method: 'POST',
    headers: { 'x-amz-invocation-type': 'Event' },
    body: '{"detail":{"bucket":"none"}}',
  });
  expect(answer.status).toBe(202);
  await expect
    .poll(() => queue?.messages, { timeout: 60_000 })
    .toContainEqual(
      expect.objectContaining({
        requestContext: expect.objectContaining({ condition: 'RetriesExhausted', approximateInvokeCount: 3 }),
        requestPayload: { detail: { bucket: 'none' } },
        responsePayload: expect.objectContaining({ errorMessage: expect.stringContaining('no event of') }),
      }),
    );
});
