/**
 * The demo: real flights stream into a dynamic table, and everything the product promises is shown and proved.
 *
 *   npm run demo -- [--flights N|all] [--dir FOLDER] [--kills N] [--local-cloud | --s3 URL --kinesis URL] [--keep]
 *
 * With --local-cloud nothing but functions does the work: bundled, under AWS's own runtime client, on MinIO and an emulator
 * of Kinesis.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { LakeError, openLake, t } from '../src/index.ts';
import type { LakeSettings } from '../src/service/settings.ts';
import { startCloudWorkers } from './demo/cloud-workers.ts';
import { ensureBucket } from './demo/ensure-bucket.ts';
import { answerSql, expectedAnswer, flightCountMax } from './demo/flights.ts';
import { readLevels } from './demo/levels.ts';
import { drawLevels, group, milliseconds, percentile, perSecond, section } from './demo/report.ts';
import { type FlightTable, type Lake, type Progress, streamFlights } from './demo/stream.ts';
import { CheckingSubscriber } from './demo/subscriber.ts';
import { WorkerProcess } from './demo/worker-process.ts';
import type { DemoWorkers } from './demo/workers.ts';

const tableName = 'demo.flights';
const flightsDefault = 200_000;
const liveChangesMax = 60_000;
const liveRate = 6_000;
const airportFlightsMin = 100;
/** Everything must have become visible this long after the last acknowledgement. */
const settleMsMax = 120_000;

type DemoOptions = {
  readonly flightCount: number;
  readonly settings: LakeSettings;
  readonly worker: DemoWorkers;
  readonly kills: number;
  readonly where: string;
  readonly cleanUp: () => Promise<void>;
};

try {
  const options = await readOptions();
  try {
    process.exitCode = (await run(options)) ? 0 : 1;
  } finally {
    await options.cleanUp();
  }
} catch (error) {
  if (!(error instanceof LakeError)) throw error;
  console.error(`  error ${error.code}: ${error.message}`);
  process.exitCode = 1;
}

async function run({ flightCount, settings, worker, kills, where }: DemoOptions): Promise<boolean> {
  console.log(`\n  Tidelake demo: ${group(flightCount)} flights, ${group(flightCount * 2)} changes, ${where}\n`);
  await using lake = await openLake(settings);
  const table = await createFlights(lake);
  await worker.start();
  const stop = new AbortController();
  const checker = new CheckingSubscriber(flightCount);
  let subscribing: Promise<void> | undefined;
  const killAt = killMoments(kills);
  const bar = new SingleBar({
    format: '  {bar} {percentage}%  {value}/{total} acknowledged, {visible} visible',
    hideCursor: true,
  });
  bar.start(flightCount * 2, 0, { visible: 0 });
  const onProgress = async ({ acknowledged, share }: Progress): Promise<void> => {
    bar.update(acknowledged, { visible: worker.figures.committedRows });
    if (share > 1 / 3 && subscribing === undefined && worker.figures.committedRows > 0)
      subscribing = follow(table, checker, stop.signal);
    if (share >= (killAt[0] ?? 2)) {
      killAt.shift();
      await worker.killAndRestart();
    }
  };
  try {
    const plan = { flightCount, liveCount: Math.min(flightCount, liveChangesMax), liveRate };
    const figures = await streamFlights(table, plan, onProgress);
    const visibleMs = (await untilVisible(table, flightCount, worker)) - figures.startedAtMs;
    bar.update(flightCount * 2, { visible: flightCount * 2 });
    bar.stop();
    // A stream shorter than a commit interval is over before there is a snapshot to begin with.
    subscribing ??= follow(table, checker, stop.signal);
    await untilSeen(checker, flightCount);
    stop.abort();
    await subscribing;
    console.log(streamReport(flightCount, plan.liveCount, figures, visibleMs, worker));
    return await finish(lake, table, flightCount, checker, worker);
  } finally {
    bar.stop();
    stop.abort();
    await worker.stop();
  }
}

async function createFlights(lake: Lake): Promise<FlightTable> {
  await lake.dropTable(tableName, { ifExists: true });
  await lake.createTable(tableName, {
    columns: {
      flight: t.bigint(),
      date: t.timestamp(3),
      status: t.string(),
      delay: t.int().nullable(),
      distance: t.int(),
      origin: t.string(),
      destination: t.string(),
    },
    primaryKey: ['flight'],
    options: { bucket: 4 },
  });
  return lake.table(tableName);
}

async function follow(table: FlightTable, checker: CheckingSubscriber, signal: AbortSignal): Promise<void> {
  for await (const { row, phase } of table.subscribe({ from: 'full', signal })) {
    checker.take({ row: { flight: BigInt(String(row['flight'])), status: String(row['status']) }, phase });
  }
}

/** When the snapshots hold every change, on the same clock as the stream's start. */
async function untilVisible(table: FlightTable, flightCount: number, worker: DemoWorkers): Promise<number> {
  const deadlineMs = performance.now() + settleMsMax;
  for (;;) {
    const counters = await table.accounting();
    if (counters.rowsIn - counters.duplicates >= BigInt(flightCount * 2)) return worker.figures.lastCommitAtMs;
    if (performance.now() > deadlineMs) throw new Error(`only ${counters.rowsIn} rows came in`);
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}

async function untilSeen(checker: CheckingSubscriber, flightCount: number): Promise<void> {
  const deadlineMs = performance.now() + settleMsMax;
  while (checker.figures.departed < flightCount && performance.now() < deadlineMs) {
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

function streamReport(
  flightCount: number,
  liveCount: number,
  figures: Awaited<ReturnType<typeof streamFlights>>,
  visibleMs: number,
  worker: DemoWorkers,
): string {
  const { problems } = worker.figures;
  const { freshnessMs } = figures;
  return section('Streaming', [
    `acknowledged by the log     ${perSecond(figures.burstRows, figures.burstMs)} in a burst of ${group(figures.burstRows)} changes, then ${group(liveCount)} at a steady ${group(liveRate)}/s`,
    `all visible in snapshots    ${group(flightCount * 2)} changes after ${(visibleMs / 1_000).toFixed(1)} s`,
    `freshness of a union read   p50 ${milliseconds(percentile(freshnessMs, 0.5))}, p99 ${milliseconds(percentile(freshnessMs, 0.99))} from acknowledgement to visible, ${freshnessMs.length} samples`,
    ...worker.reportLines(),
    ...problems.map(problem => `it said: ${problem}`),
  ]);
}

async function finish(
  lake: Lake,
  table: FlightTable,
  flightCount: number,
  checker: CheckingSubscriber,
  worker: DemoWorkers,
): Promise<boolean> {
  await worker.stop();
  console.log(section('The LSM before a full compaction', [drawLevels(await readLevels(table))]));
  await table.compact({ full: true });
  console.log(section('and after', [drawLevels(await readLevels(table))]));
  const worst = await lake.sql<{ origin: string; flights: bigint; d: number }>(
    `SELECT origin, count(*) AS flights, avg(delay) AS d FROM ${tableName}
       GROUP BY origin HAVING count(*) >= ${airportFlightsMin} ORDER BY d DESC, origin LIMIT 5`,
  );
  const airports = (await worst.rows()).map(
    ({ origin, flights, d }) => `${origin}  ${d.toFixed(1).padStart(5)} min over ${group(flights)} flights`,
  );
  console.log(section(`Worst airports by mean delay, of those with ${airportFlightsMin} flights (SQL)`, airports));
  return prove(lake, table, flightCount, checker);
}

async function prove(
  lake: Lake,
  table: FlightTable,
  flightCount: number,
  checker: CheckingSubscriber,
): Promise<boolean> {
  const expected = await expectedAnswer(flightCount);
  const answer = await lake.sql<{ n: bigint; checksum: bigint | string }>(`SELECT ${answerSql} FROM ${tableName}`);
  const [found] = await answer.rows();
  const tableHolds = String(found?.n) === expected.count && String(found?.checksum) === expected.checksum;
  const c = await table.accounting();
  const accounted = c.written + c.mergedAway + c.deadLettered + c.duplicates;
  const sumHolds = c.rowsIn === accounted && c.rowsIn - c.duplicates === BigInt(flightCount * 2);
  const s = checker.figures;
  const subscriberHolds = s.gaps === 0 && s.repeats === 0 && s.departed === flightCount;
  const mark = (holds: boolean): string => (holds ? 'holds ' : 'FAILS ');
  console.log(
    section('Proof', [
      `${mark(tableHolds)} table = DuckDB over the source file: ${group(BigInt(expected.count))} rows, checksum ${expected.checksum}`,
      ...(tableHolds ? [] : [`       the table has ${String(found?.n)} rows, checksum ${String(found?.checksum)}`]),
      `${mark(sumHolds)} rows in ${group(c.rowsIn)} = written ${group(c.written)} + merged away ${group(c.mergedAway)} + dead-lettered ${group(c.deadLettered)} + duplicates dropped ${group(c.duplicates)}`,
      `${mark(subscriberHolds)} subscriber: ${group(s.snapshotRows)} rows of the full table, then ${group(s.liveChanges)} live changes, ${s.gaps} gaps, ${s.repeats} repeats`,
    ]),
  );
  console.log('');
  return tableHolds && sumHolds && subscriberHolds;
}

/** One kill comes half-way; more come at random. */
function killMoments(kills: number): number[] {
  if (kills <= 1) return kills === 1 ? [0.5] : [];
  return Array.from({ length: kills }, () => Math.random() * 0.95).toSorted((a, b) => a - b);
}

async function readOptions(): Promise<DemoOptions> {
  const { values } = parseArgs({
    options: {
      flights: { type: 'string', default: String(flightsDefault) },
      dir: { type: 'string' },
      kills: { type: 'string', default: '1' },
      s3: { type: 'string' },
      kinesis: { type: 'string' },
      log: { type: 'string' },
      'local-cloud': { type: 'boolean', default: false },
      bucket: { type: 'string', default: 'tidelake-demo' },
      stream: { type: 'string', default: 'tidelake-demo' },
      region: { type: 'string', default: 'us-east-1' },
      keep: { type: 'boolean', default: false },
    },
  });
  const flightCount = values.flights === 'all' ? flightCountMax : Number(values.flights);
  if (!Number.isInteger(flightCount) || flightCount < 1 || flightCount > flightCountMax) {
    throw new LakeError('invalid', 'LAKE_USAGE', `--flights takes a number from 1 to ${flightCountMax}, or all`);
  }
  const kills = Number(values.kills);
  if (values['local-cloud']) return cloudOptions({ flightCount, kills });
  const folder = values.dir ?? (await mkdtemp(join(tmpdir(), 'tidelake-demo-')));
  const { region } = values;
  const settings: LakeSettings = {
    warehouse: values.s3 === undefined ? `file:${join(folder, 'lake')}` : `s3://${values.bucket}/lake`,
    log: values.log ?? (values.kinesis === undefined ? `file:${join(folder, 'log')}` : `kinesis://${values.stream}`),
    ...(values.s3 === undefined ? {} : { s3: { region, endpoint: values.s3 } }),
    ...(values.kinesis === undefined ? {} : { kinesis: { region, endpoint: values.kinesis, createWithShards: 4 } }),
    kafka: { createWithPartitions: 4 },
  };
  if (settings.s3 !== undefined) await ensureBucket(values.bucket, settings.s3);
  const isLocal = values.s3 === undefined && values.kinesis === undefined && values.log === undefined;
  return {
    flightCount,
    settings,
    worker: new WorkerProcess(settings),
    kills,
    where: isLocal ? `in ${folder}` : `in ${settings.warehouse} and ${settings.log}`,
    cleanUp: async () => {
      if (values.dir === undefined && !values.keep) await rm(folder, { recursive: true, force: true });
    },
  };
}

async function cloudOptions(plan: Pick<DemoOptions, 'flightCount' | 'kills'>): Promise<DemoOptions> {
  const worker = await startCloudWorkers(tableName);
  const { services, lakeSettings } = worker.cloud;
  return {
    ...plan,
    worker,
    settings: lakeSettings,
    where: `by functions, on MinIO at ${services.s3.endpoint} and kinesalite at ${services.kinesisEndpoint}`,
    cleanUp: () => worker[Symbol.asyncDispose](),
  };
}
