/**
 * What a commit costs in CPU, with a store in memory that answers at once: tiny appends by one warm committer, and by four
 * rivals on one table, each with a cache of its own. Manifests are not compressed, as in simulation. Run:
 * `npm run bench -- commit-cpu`.
 */
import { seededRandom } from '../src/base/random.ts';
import { MemoryObjectStore } from '../src/storage/memory/memory-object-store.ts';
import { Committer } from '../src/table/commit/commit.ts';
import { openTable, type Table } from '../src/table/table.ts';
import { fixtureTable, ManualClock, numberedAppend } from '../test/table-fixture.ts';

const commitsPerRound = 4_000;
/** The first rounds are the compiler's. */
const roundCount = 7;
const rivalCount = 4;

type Bench = { readonly tables: readonly Table[]; readonly clock: ManualClock };
type Figures = { readonly cpuUs: number; readonly commitsPerSecond: number; readonly attempts: number };

async function benchOf(writers: number): Promise<Bench> {
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:bench', clock);
  const parts = { clock, random: seededRandom(1) };
  const options = { 'manifest.compression': 'null', bucket: '1' };
  const tables = [await fixtureTable(store, parts, { options })];
  const { identifier } = await openTable(store, { database: 'd', name: 't' }, parts);
  while (tables.length < writers)
    tables.push(await openTable(store, identifier, { clock, random: seededRandom(tables.length + 1) }));
  return { tables, clock };
}

/** One round on a table of its own: microseconds of CPU per commit, all threads of the process counted. */
async function round(writers: number): Promise<Figures> {
  const { tables, clock } = await benchOf(writers);
  let attempts = 0;
  const write = async (table: Table, writer: number): Promise<void> => {
    await using committer = new Committer(table);
    for (let index = 0; index < commitsPerRound / writers; index += 1) {
      clock.advance(1);
      // All rivals begin at once, or the first would be done before the others have begun.
      if (writers > 1) await new Promise(resolve => setImmediate(resolve));
      const outcome = await committer.commit(numberedAppend(table, { name: `f-${writer}-${index}` }));
      if (outcome.status !== 'committed') throw new Error(`commit ${index} of ${writer}: ${outcome.status}`);
      attempts += outcome.attempts;
    }
  };
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  await Promise.all(tables.map(write));
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    cpuUs: (user + system) / commitsPerRound,
    commitsPerSecond: (commitsPerRound / elapsedMs) * 1_000,
    attempts: attempts / commitsPerRound,
  };
}

async function best(writers: number): Promise<Figures> {
  let found: Figures | undefined;
  for (let count = 0; count < roundCount; count += 1) {
    const figures = await round(writers);
    if (found === undefined || figures.cpuUs < found.cpuUs) found = figures;
  }
  if (found === undefined) throw new Error('no round was run');
  return found;
}

for (const [what, writers] of [
  ['one warm committer', 1],
  [`${rivalCount} rivals`, rivalCount],
] as const) {
  const { cpuUs, commitsPerSecond, attempts } = await best(writers);
  console.log(
    JSON.stringify({
      bench: 'commit-cpu',
      what,
      cpuUsPerCommit: Number(cpuUs.toFixed(1)),
      commitsPerSecond: Math.round(commitsPerSecond),
      attemptsPerCommit: Number(attempts.toFixed(2)),
    }),
  );
}
