/**
 * What a commit costs in CPU, with a store in memory that answers at once: tiny appends by one warm committer, with
 * manifests as they are and compressed, and by four rivals on one table, each with a cache of its own. The best of many
 * short rounds counts: what else the machine does only makes a round worse. The process's other threads collect garbage
 * and compile. Run: `npm run bench -- commit-cpu`.
 */
import { seededRandom } from '../src/base/random.ts';
import { MemoryObjectStore } from '../src/storage/memory/memory-object-store.ts';
import { Committer } from '../src/table/commit/commit.ts';
import { openTable, type Table } from '../src/table/table.ts';
import { fixtureTable, ManualClock, numberedAppend } from '../test/table-fixture.ts';

type Workload = { readonly what: string; readonly writers: number; readonly compression: 'null' | 'zstandard' };

const workloads: readonly Workload[] = [
  { what: 'one warm committer', writers: 1, compression: 'null' },
  { what: 'one warm committer, zstandard', writers: 1, compression: 'zstandard' },
  { what: '4 rivals', writers: 4, compression: 'null' },
];
const commitsPerRound = 1_000;
/** The first rounds are the compiler's. */
const roundCount = 24;

type Figures = {
  readonly wallUs: number;
  /** Of the thread that commits. */
  readonly threadUs: number;
  readonly processUs: number;
  readonly attempts: number;
};

async function tablesOf({ writers, compression }: Workload, clock: ManualClock): Promise<readonly Table[]> {
  const store = new MemoryObjectStore('memory:bench', clock);
  const options = { 'manifest.compression': compression, bucket: '1' };
  const first = await fixtureTable(store, { clock, random: seededRandom(1) }, { options });
  const tables = [first];
  while (tables.length < writers) {
    tables.push(await openTable(store, first.identifier, { clock, random: seededRandom(tables.length + 1) }));
  }
  return tables;
}

/** One round on a table of its own; figures are per commit. */
async function round(workload: Workload): Promise<Figures> {
  const clock = new ManualClock();
  const tables = await tablesOf(workload, clock);
  let attempts = 0;
  const write = async (table: Table, writer: number): Promise<void> => {
    await using committer = new Committer(table);
    for (let index = 0; index < commitsPerRound / tables.length; index += 1) {
      clock.advance(1);
      // Rivals begin at once, or the first would be done before the others have begun.
      if (tables.length > 1) await new Promise(resolve => setImmediate(resolve));
      const outcome = await committer.commit(numberedAppend(table, { name: `f-${writer}-${index}` }));
      if (outcome.status !== 'committed') throw new Error(`commit ${index} of ${writer}: ${outcome.status}`);
      attempts += outcome.attempts;
    }
  };
  const processBefore = process.cpuUsage();
  const threadBefore = process.threadCpuUsage();
  const startMs = performance.now();
  await Promise.all(tables.map(write));
  const elapsedMs = performance.now() - startMs;
  return {
    wallUs: (elapsedMs * 1_000) / commitsPerRound,
    threadUs: microseconds(process.threadCpuUsage(threadBefore)) / commitsPerRound,
    processUs: microseconds(process.cpuUsage(processBefore)) / commitsPerRound,
    attempts: attempts / commitsPerRound,
  };
}

function microseconds({ user, system }: { readonly user: number; readonly system: number }): number {
  return user + system;
}

for (const workload of workloads) {
  const rounds: Figures[] = [];
  while (rounds.length < roundCount) rounds.push(await round(workload));
  const best = (figure: keyof Figures): number => Math.min(...rounds.map(figures => figures[figure]));
  console.log(
    JSON.stringify({
      bench: 'commit-cpu',
      what: workload.what,
      commitsPerSecond: Math.round(1_000_000 / best('wallUs')),
      threadUsPerCommit: Number(best('threadUs').toFixed(1)),
      processUsPerCommit: Number(best('processUs').toFixed(1)),
      attemptsPerCommit: Number(best('attempts').toFixed(2)),
    }),
  );
}
