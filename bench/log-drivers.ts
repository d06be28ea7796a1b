/**
 * Every driver of the log on the same records: how long an append takes, how much goes in and comes out a second, and with how many
 * requests. Each log has four shards and is on its real service of this machine. docs/STREAMS.md has the figures.
 * Run: `npm run bench -- log-drivers [file|s3|kinesis|kafka]`.
 */
import { randomFillSync } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { present } from '../src/base/assert.ts';
import { systemClock } from '../src/base/clock.ts';
import { systemRandom } from '../src/base/random.ts';
import { countingLogStore } from '../src/storage/counting-log-store.ts';
import { hashKeyCount, type LogAppend, type LogStart, type LogStore } from '../src/storage/log-store.ts';
import { type LogStoreSettings, openLogStore } from '../src/storage/open-log-store.ts';
import { waitForMore } from '../src/storage/wait-for-more.ts';
import { CountingProxy } from '../test/function-loads/counting-proxy.ts';
import { startKafka } from '../test/services/kafka-broker.ts';
import { startKinesalite } from '../test/services/kinesalite.ts';
import { startMinio } from '../test/services/minio.ts';
import { quantile, rounded } from './run/statistics.ts';

const shardCount = 4;
const components = { clock: systemClock, random: systemRandom };
/** What producers make of small and of many rows. */
const smallBytes = 1_000;
const largeBytes = 16_000;
const singleAppends = 400;
/** One after the other of each caller, as a producer has them under way. */
const callers = 4;
const callRecords = 64;
const bulkBytes = 64e6;
const tailAppends = 200;

type Service = AsyncDisposable & {
  readonly uri: string;
  readonly settings: LogStoreSettings;
  /** Requests to the service since the last time; undefined: it speaks no HTTP, calls of the driver are counted. */
  readonly requests?: (() => number) | undefined;
};

const services: Readonly<Record<string, () => Promise<Service>>> = { file, s3, kinesis, kafka };

async function file(): Promise<Service> {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-log-drivers-'));
  return {
    uri: `file:${folder}`,
    settings: { local: { shardCount } },
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function s3(): Promise<Service> {
  const minio = await startMinio();
  const proxy = await CountingProxy.start(minio.endpoint);
  const { bucket, region, credentials } = minio;
  return {
    uri: `s3://${bucket}/log`,
    settings: {
      s3: { shardCount, pollIntervalMs: 20 },
      stores: { s3: { endpoint: proxy.endpoint, region, credentials, conditionalPutProbe: 'never' } },
    },
    requests: () => proxy.take(),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await minio.stop();
    },
  };
}

async function kinesis(): Promise<Service> {
  const service = await startKinesalite();
  await service.createStream('log', shardCount);
  const proxy = await CountingProxy.start(service.endpoint);
  const { region, credentials } = service;
  return {
    uri: 'kinesis://log',
    settings: { kinesis: { endpoint: proxy.endpoint, region, credentials } },
    requests: () => proxy.take(),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await service.stop();
    },
  };
}

async function kafka(): Promise<Service> {
  const service = await startKafka();
  return {
    uri: `kafka://127.0.0.1:${service.port}/log`,
    settings: { kafka: { createWithPartitions: shardCount } },
    [Symbol.asyncDispose]: async () => await service.stop(),
  };
}

/** One record a call of each, as a producer has of each bucket; their neighbours are in other shards. */
const lanes = callers * callRecords;
const hashKeyOf = (index: number): bigint =>
  (hashKeyCount / BigInt(lanes)) *
  BigInt((index % shardCount) * (lanes / shardCount) + (Math.floor(index / shardCount) % (lanes / shardCount)));

/** Bytes that no service can pack. */
function recordsOf(count: number, bytes: number): readonly LogAppend[] {
  return Array.from({ length: count }, (_, index) => ({
    hashKey: hashKeyOf(index),
    data: randomFillSync(new Uint8Array(bytes)),
  }));
}

async function appendAll(log: LogStore, records: readonly LogAppend[]): Promise<void> {
  for (const outcome of await log.append(records)) {
    if (outcome.status !== 'appended')
      throw new Error(`${log.uri}: an append of the benchmark`, { cause: outcome.cause });
  }
}

async function readToTip(log: LogStore, shardId: string, start: LogStart): Promise<number> {
  let from = start;
  for (let count = 0; ; ) {
    const { records, next, atTip }: Awaited<ReturnType<LogStore['read']>> = await log.read(shardId, from, {
      bytesMax: 4 << 20,
    });
    count += records.length;
    from = next;
    if (atTip) return count;
  }
}

/** From before the append to when a reader who waits at the tip has the record, ms each. */
async function tailLatencies(log: LogStore): Promise<readonly number[]> {
  const { shards } = await log.describe();
  const shard = present(
    shards.find(({ hashKeyStart }) => hashKeyStart === 0n),
    'a shard',
  );
  let from = (await log.read(shard.shardId, { kind: 'latest' })).next;
  const latencies: number[] = [];
  for (let index = 0; index < tailAppends; index += 1) {
    const startedMs = performance.now();
    const appended = appendAll(log, recordsOf(1, smallBytes));
    for (let seen = 0; seen === 0; ) {
      const { records, next } = await log.read(shard.shardId, from);
      seen = records.length;
      from = next;
      if (seen === 0) await waitForMore(log, shard.shardId, from, { clock: systemClock, waitMsMax: 1_000 });
    }
    latencies.push(performance.now() - startedMs);
    await appended;
  }
  return latencies;
}

async function measure(name: string, open: () => Promise<Service>): Promise<object> {
  await using service = await open();
  await using log = countingLogStore(await openLogStore(service.uri, service.settings, components));
  let before = log.counts();
  const asked = (): number => {
    const now = log.counts();
    const calls = now.append + now.read - before.append - before.read;
    before = now;
    return service.requests?.() ?? calls;
  };
  // Connections, code and the shards' first batches are not what is measured.
  for (let index = 0; index < 20; index += 1) await appendAll(log, recordsOf(shardCount, smallBytes));
  asked();

  const latencies: number[] = [];
  for (const record of recordsOf(singleAppends, smallBytes)) {
    const startedMs = performance.now();
    await appendAll(log, [record]);
    latencies.push(performance.now() - startedMs);
  }
  const singleRequests = asked() / singleAppends;

  const { shards } = await log.describe();
  const starts = await Promise.all(
    shards.map(async ({ shardId }) => ({ shardId, from: (await log.read(shardId, { kind: 'latest' })).next })),
  );
  asked();
  const bulk = recordsOf(Math.ceil(bulkBytes / largeBytes), largeBytes);
  let taken = 0;
  const appendStartedMs = performance.now();
  const call = async (): Promise<void> => {
    while (taken < bulk.length) {
      const records = bulk.slice(taken, taken + callRecords);
      taken += records.length;
      await appendAll(log, records);
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  const appendMs = performance.now() - appendStartedMs;
  const appendRequests = asked();

  const readStartedMs = performance.now();
  const counts = await Promise.all(starts.map(({ shardId, from }) => readToTip(log, shardId, from)));
  const readMs = performance.now() - readStartedMs;
  const readRequests = asked();
  const found = counts.reduce((sum, count) => sum + count, 0);
  if (found !== bulk.length) throw new Error(`${service.uri}: ${found} records were read of ${bulk.length}`);

  const tails = await tailLatencies(log);
  const megabytes = bulkBytes / 1e6;
  return {
    ...{ bench: 'log-drivers', driver: name, shards: shardCount },
    ...{ appendP50Ms: rounded(quantile(latencies, 0.5)), appendP99Ms: rounded(quantile(latencies, 0.99)) },
    ...{ tailP50Ms: rounded(quantile(tails, 0.5)), tailP99Ms: rounded(quantile(tails, 0.99)) },
    ...{ appendMbPerS: rounded(megabytes / (appendMs / 1e3)), readMbPerS: rounded(megabytes / (readMs / 1e3)) },
    counted: service.requests === undefined ? 'calls of the driver' : 'requests of HTTP',
    requestsPerAppend: rounded(singleRequests),
    ...{
      appendRequestsPerMb: rounded(appendRequests / megabytes),
      readRequestsPerMb: rounded(readRequests / megabytes),
    },
  };
}

const only = process.argv[3];
for (const [name, open] of Object.entries(services)) {
  if (only === undefined || only === name) console.log(JSON.stringify(await measure(name, open)));
}
