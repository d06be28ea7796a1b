/**
 * In the place of the demo's worker: the functions of the local cloud do all the work, and what is killed half-way is an
 * execution environment in the middle of an invocation.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openLake } from '../../src/index.ts';
import { runProgram } from '../cache-folder.ts';
import type { InvocationReport } from '../local-cloud/invocation-report.ts';
import { LocalCloud } from '../local-cloud/local-cloud.ts';
import { percentile } from './report.ts';
import type { DemoWorkers } from './workers.ts';

const shardCount = 4;
const lookMs = 250;
const killPollMs = 5;
/** What runs at the end is waited for, so that the demo's own full compaction has no rival. */
const quietMsMax = 60_000;

/** @throws Error that says what is missing */
export async function startCloudWorkers(tableName: string): Promise<CloudWorkers> {
  const script = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));
  runProgram(process.execPath, [script('build-services.mjs')]);
  const folder = mkdtempSync(join(tmpdir(), 'tidelake-demo-cloud-'));
  try {
    const bundles = join(folder, 'code');
    mkdirSync(bundles);
    runProgram(process.execPath, [script('bundle.mjs'), bundles]);
    const cloud = await LocalCloud.start({
      bundles,
      folder,
      parameters: { LogShards: String(shardCount), GroupCommit: 'ON' },
      onLine: () => undefined,
    });
    return new CloudWorkers(cloud, folder, tableName);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

export class CloudWorkers implements DemoWorkers {
  readonly cloud: LocalCloud;
  readonly #folder: string;
  readonly #tableName: string;
  readonly figures: DemoWorkers['figures'] = { committedRows: 0, lastCommitAtMs: 0, kills: 0, problems: [] };
  #watching: Promise<void> | undefined;
  readonly #stop = new AbortController();

  constructor(cloud: LocalCloud, folder: string, tableName: string) {
    this.cloud = cloud;
    this.#folder = folder;
    this.#tableName = tableName;
  }

  /** The functions run already; from now on the table is looked at. */
  async start(): Promise<void> {
    this.#watching = this.#watch();
  }

  async #watch(): Promise<void> {
    await using lake = await openLake(this.cloud.lakeSettings);
    const table = await lake.table(this.#tableName);
    while (!this.#stop.signal.aborted) {
      const { rowsIn, duplicates } = await table.accounting();
      const visible = Number(rowsIn - duplicates);
      if (visible !== this.figures.committedRows) {
        this.figures.committedRows = visible;
        this.figures.lastCommitAtMs = performance.now();
      }
      await new Promise(resolve => setTimeout(resolve, lookMs));
    }
  }

  /** Waits for an ingest that is at work and kills its process; the event source hands its batch over again. */
  async killAndRestart(): Promise<void> {
    while ((await this.cloud.function('ingest').killBusy()) === 0) {
      await new Promise(resolve => setTimeout(resolve, killPollMs));
    }
    this.figures.kills += 1;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    await this.cloud.stopEvents(quietMsMax);
  }

  reportLines(): readonly string[] {
    const lines = [...this.cloud.functions].flatMap(([name, { reports }]) => functionLine(name, reports));
    const kills = this.figures.kills;
    return [
      ...lines,
      `no worker                   an ingest killed in its middle ${kills} time${kills === 1 ? '' : 's'}; its batch came again`,
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#watching?.catch(() => undefined);
    await this.cloud[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function functionLine(name: string, reports: readonly InvocationReport[]): readonly string[] {
  if (reports.length === 0) return [];
  const cold = reports.flatMap(({ initMs }) => initMs ?? []);
  const warm = reports.flatMap(({ initMs, status, durationMs }) =>
    initMs === undefined && status === 'success' ? durationMs : [],
  );
  const memoryMb = Math.max(...reports.map(({ memoryMbMax }) => memoryMbMax));
  const words = [
    `${reports.length} invocations`,
    `${cold.length} cold (${percentile(cold, 0.5).toFixed(0)} ms to start)`,
    ...(warm.length === 0 ? [] : [`warm p50 ${percentile(warm, 0.5).toFixed(0)} ms`]),
    `at most ${memoryMb} of ${reports[0]?.memoryMb} MB`,
  ];
  return [`function ${name.padEnd(18)} ${words.join(', ')}`];
}
