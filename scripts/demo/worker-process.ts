/**
 * The worker as a process of its own, so that it can be killed: starts it, listens to what it reports, kills it with
 * SIGKILL, starts the next.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LakeSettings } from '../../src/service/settings.ts';
import { megabytes } from './report.ts';
import type { DemoWorkers } from './workers.ts';

/** A line of the worker's standard output. */
export type WorkerReport =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'commit';
      readonly rows: number;
      readonly requests: number;
      readonly attempts: number;
      readonly elapsedMs: number;
    }
  | { readonly kind: 'compact'; readonly buckets: number; readonly filesBefore: number; readonly filesAfter: number }
  | { readonly kind: 'memory'; readonly rssBytes: number }
  | { readonly kind: 'problem'; readonly text: string };

type WorkerFigures = DemoWorkers['figures'] & {
  commits: number;
  commitRequests: number;
  compactions: number;
  peakRssBytes: number;
};

export class WorkerProcess implements DemoWorkers {
  readonly #settings: LakeSettings;
  readonly figures: WorkerFigures = {
    commits: 0,
    committedRows: 0,
    commitRequests: 0,
    compactions: 0,
    peakRssBytes: 0,
    kills: 0,
    lastCommitAtMs: 0,
    problems: [],
  };
  #child: ChildProcess | undefined;

  constructor(settings: LakeSettings) {
    this.#settings = settings;
  }

  /** Resolves when the worker has opened the lake. */
  async start(): Promise<void> {
    const script = fileURLToPath(new URL('./worker.ts', import.meta.url));
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, TIDELAKE_DEMO_SETTINGS: JSON.stringify(this.#settings) },
    });
    this.#child = child;
    const lines = createInterface({ input: child.stdout });
    await new Promise<void>((resolve, reject) => {
      child.once('exit', code => reject(new Error(`the ingest worker ended with code ${code} before it was ready`)));
      lines.on('line', line => {
        const report = JSON.parse(line) as WorkerReport;
        if (report.kind === 'ready') resolve();
        this.#take(report);
      });
    });
  }

  /** SIGKILL, wherever it is, and the next one. */
  async killAndRestart(): Promise<void> {
    await this.#end('SIGKILL');
    this.figures.kills += 1;
    await this.start();
  }

  /** Lets it finish what it is at. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  reportLines(): readonly string[] {
    const { commits, commitRequests, kills, peakRssBytes } = this.figures;
    return [
      `commits                     ${commits} snapshots by ingest, ${(commitRequests / Math.max(1, commits)).toFixed(1)} requests each`,
      `the worker                  killed with SIGKILL ${kills} time${kills === 1 ? '' : 's'} and replaced; peak memory ${megabytes(peakRssBytes)}`,
    ];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise(resolve => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  #take(report: WorkerReport): void {
    const { figures } = this;
    switch (report.kind) {
      case 'commit':
        figures.commits += 1;
        figures.committedRows += report.rows;
        figures.commitRequests += report.requests;
        figures.lastCommitAtMs = performance.now();
        break;
      case 'compact':
        figures.compactions += 1;
        break;
      case 'memory':
        figures.peakRssBytes = Math.max(figures.peakRssBytes, report.rssBytes);
        break;
      case 'problem':
        figures.problems.push(report.text);
        break;
      default:
    }
  }
}
