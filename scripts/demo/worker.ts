/** The demo's worker: ingest, compaction and maintenance of one lake, until it is told to stop or killed. */
import { openLake } from '../../src/index.ts';
import type { WorkerReport } from './worker-process.ts';

const memoryIntervalMs = 200;

const report = (line: WorkerReport): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const settings = JSON.parse(process.env['TIDELAKE_DEMO_SETTINGS'] ?? '{}');
const lake = await openLake(settings);
const worker = lake.run({
  onEvent: event => {
    switch (event.kind) {
      case 'ingested':
        report({
          kind: 'commit',
          rows: event.rowCount,
          requests: event.requestCount,
          attempts: event.attemptCount,
          elapsedMs: event.elapsedMs,
        });
        break;
      case 'compacted':
        report({
          kind: 'compact',
          buckets: event.bucketCount,
          filesBefore: event.filesBefore,
          filesAfter: event.filesAfter,
        });
        break;
      case 'lost':
        report({ kind: 'problem', text: JSON.stringify(event) });
        break;
      case 'failed':
        report({ kind: 'problem', text: `${event.task}: ${event.code}: ${event.message}` });
        break;
      default:
    }
  },
});
const memory = setInterval(() => report({ kind: 'memory', rssBytes: process.memoryUsage.rss() }), memoryIntervalMs);

const stop = async (): Promise<void> => {
  clearInterval(memory);
  await worker[Symbol.asyncDispose]();
  await lake[Symbol.asyncDispose]();
  process.exit(0);
};
process.once('SIGTERM', () => void stop());
// When the demo itself dies, its pipe closes, and the worker goes with it.
process.stdin.once('end', () => void stop());
process.stdin.resume();

report({ kind: 'ready' });
