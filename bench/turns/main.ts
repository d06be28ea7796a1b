/** A turn of ours: `node main.js '{"job":…}'`. Only what a job needs is loaded. */
import type { Job } from './job.ts';
import { type TurnReport, tell } from './passes.ts';

async function run(job: Job): Promise<TurnReport> {
  switch (job.job) {
    case 'write':
      return (await import('./write.ts')).write(job);
    case 'write-lines':
      return (await import('./write-lines.ts')).writeLinesOf(job);
    case 'compact':
      return (await import('./compact.ts')).compact(job);
    case 'read':
      return (await import('./read.ts')).read(job);
    case 'commits':
      return (await import('./commits.ts')).commits(job);
    case 'lookup':
      return (await import('./lookup.ts')).lookup(job);
    case 'ingest':
      return (await import('./ingest.ts')).ingest(job);
    case 'freshness':
      return (await import('./freshness.ts')).freshness(job);
    case 'plan':
      return (await import('./plan.ts')).plan(job);
    default:
      throw new Error(`there is no job ${job.job}`);
  }
}

await tell(await run(JSON.parse(process.argv[2] ?? '')));
