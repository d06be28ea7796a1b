/**
 * One of several processes that commit to the table `d.t` of a store. Runs some committers at once, each with files of its
 * own names, and prints what each was told, as one line of JSON.
 *
 * Arguments: a JSON object, see `RivalTask`. Settings of S3 come in it, too.
 */
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type ObjectStoreSettings, openObjectStore } from '../../src/storage/open-object-store.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { openTable } from '../../src/table/table.ts';
import { numberedAppend } from '../table-fixture.ts';

export type RivalTask = {
  readonly uri: string;
  readonly settings: ObjectStoreSettings;
  readonly rival: string;
  readonly committers: number;
  readonly commitsEach: number;
};

export type RivalReport = {
  readonly rival: string;
  /** Names of the files that were reported committed, with their snapshot. */
  readonly committed: readonly { readonly name: string; readonly snapshotId: number }[];
  /** Everything else that was reported. */
  readonly others: readonly string[];
  readonly attempts: number;
  readonly attemptsMax: number;
  readonly elapsedMs: number;
};

const task: RivalTask = JSON.parse(process.argv[2] ?? '{}');
const parts = { clock: systemClock, random: systemRandom };
await using store = await openObjectStore(task.uri, task.settings, parts);
const table = await openTable(store, { database: 'd', name: 't' }, parts);
const startedAtMs = systemClock.monotonicMs();
const committed: { name: string; snapshotId: number }[] = [];
const others: string[] = [];
let [attempts, attemptsMax] = [0, 0];

async function work(index: number): Promise<void> {
  await using committer = new Committer(table);
  for (let n = 0; n < task.commitsEach; n += 1) {
    const name = `data-${task.rival}-${index}-${n}.parquet`;
    const outcome = await committer.commit(numberedAppend(table, { name, bucket: index % table.options.bucket }));
    attempts += outcome.attempts;
    attemptsMax = Math.max(attemptsMax, outcome.attempts);
    if (outcome.status === 'committed') committed.push({ name, snapshotId: outcome.snapshot.id });
    else others.push(`${name}: ${outcome.status}`);
  }
}

await Promise.all(Array.from({ length: task.committers }, (_, index) => work(index)));
const elapsedMs = Math.round(systemClock.monotonicMs() - startedAtMs);
const report: RivalReport = { rival: task.rival, committed, others, attempts, attemptsMax, elapsedMs };
console.log(JSON.stringify(report));
