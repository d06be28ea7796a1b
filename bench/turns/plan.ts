/**
 * Commits to and plans of tables that grow, on a store in memory: data files are in the metadata only. 1,000 partitions, files
 * dealt out among them; a commit has one file, a plan asks for one partition, or for one key of it, with nothing remembered.
 */
import { systemClock } from '../../src/base/clock.ts';
import { seededRandom } from '../../src/base/random.ts';
import { countingObjectStore } from '../../src/storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../src/storage/memory/memory-object-store.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { planScan } from '../../src/table/scan/plan-scan.ts';
import { latestSnapshot } from '../../src/table/snapshots.ts';
import { openTable, type Table } from '../../src/table/table.ts';
import type { Predicate } from '../../src/types/predicate.ts';
import { type FileDraft, fixedRequest, fixtureTable, numberedAppend, plannedFile } from '../../test/table-fixture.ts';
import { middle } from '../run/statistics.ts';
import type { PlanJob } from './job.ts';
import { type TurnReport, timed } from './passes.ts';

const partitionCount = 1_000;
const filesPerCommit = 1_000;
const commitCount = 50;
const planCount = 5;

const parts = { clock: systemClock, random: seededRandom(3) };

export async function plan({ fileCounts }: PlanJob): Promise<TurnReport> {
  const figures: Record<string, number> = {};
  const pass = await timed(async () => {
    for (const count of fileCounts) {
      for (const [name, value] of Object.entries(await grown(count))) figures[`${name}At${count}`] = value;
    }
    return undefined;
  });
  return { passes: [pass], figures };
}

async function grown(fileCount: number): Promise<Readonly<Record<string, number>>> {
  const store = countingObjectStore(new MemoryObjectStore('memory:plan', systemClock));
  const table = await fixtureTable(store, parts, { partitioned: true });
  await using committer = new Committer(table);
  for (let first = 0; first < fileCount; first += filesPerCommit) {
    const drafts = Array.from({ length: Math.min(filesPerCommit, fileCount - first) }, (_, at) => draftOf(first + at));
    await commitOnce(committer, fixedRequest(table, { adds: drafts.map(draft => plannedFile(table, draft)) }));
  }
  const commitMs: number[] = [];
  store.reset();
  for (let index = 0; index < commitCount; index += 1) {
    const request = numberedAppend(table, draftOf(fileCount + index));
    commitMs.push((await timed(() => commitOnce(committer, request))).wallMs);
  }
  const { get, getRange, list, put, putIfAbsent, head } = store.counts();
  const requests = (get + getRange + list + put + putIfAbsent + head) / commitCount;
  const partition: Predicate = { kind: 'compare', op: '=', column: 'p', value: 'p7' };
  const key: Predicate = { kind: 'compare', op: '=', column: 'k', value: 75 };
  const byPartition = await planned(store, table, partition);
  const byKey = await planned(store, table, { kind: 'and', children: [partition, key] });
  return {
    commitMs: middle(commitMs),
    commitRequests: requests,
    ...{ partitionPlanMs: byPartition.wallMs, partitionPlanObjects: byPartition.objects },
    ...{ keyPlanMs: byKey.wallMs, keyPlanObjects: byKey.objects },
  };
}

async function commitOnce(committer: Committer, request: Parameters<Committer['commit']>[0]): Promise<undefined> {
  const { status } = await committer.commit(request);
  if (status !== 'committed') throw new Error(`a commit: ${status}`);
  return undefined;
}

function draftOf(number: number): FileDraft {
  const first = Math.floor(number / partitionCount) * 10;
  const range = [first, first + 9] as const;
  return { name: `f${number}`, partition: `p${number % partitionCount}`, keys: range, sequence: range };
}

type Counting = ReturnType<typeof countingObjectStore>;

/** By whoever opens the table now. The schema and the search for the newest snapshot are not counted as objects. */
async function planned(
  store: Counting,
  { identifier }: Table,
  predicate: Predicate,
): Promise<{ readonly wallMs: number; readonly objects: number }> {
  const times: number[] = [];
  let objects = 0;
  for (let index = 0; index < planCount; index += 1) {
    const table = await openTable(store, identifier, parts);
    const snapshot = await latestSnapshot(table);
    store.reset();
    times.push((await timed(async () => void (await planScan(table, snapshot, { predicate })))).wallMs);
    const { get, getRange } = store.counts();
    objects = get + getRange;
  }
  return { wallMs: middle(times), objects };
}
