/** What must hold when the faults are over and everybody has ended. */
import { isLakeError } from '../../../../src/base/errors.ts';
import { schemaPath } from '../../../../src/format/paths.ts';
import { latestSnapshot } from '../../../../src/table/snapshots.ts';
import { openTable, type Table } from '../../../../src/table/table.ts';
import { litterIn, missingFiles } from '../../../maintenance-fixture.ts';
import type { SimProcess } from '../../process.ts';
import type { CommitsBench, OpenedTable } from './bench.ts';
import { maintain, readAll } from './readers.ts';
import { writeChange } from './writers.ts';

const dayMs = 24 * 3_600_000;

/** A change to every line: one that stands still holds up the cleaning of all (R4). @returns the table */
async function writeAll(bench: CommitsBench, process: SimProcess): Promise<Table> {
  const opened = await bench.open(process);
  await writeChange(bench, process, opened);
  for (const branch of bench.branches) {
    const there = await openBranch(branch, process);
    if (there !== undefined) await writeChange(branch, process, there);
  }
  return opened.table;
}

async function readHeadOf(line: CommitsBench, process: SimProcess): Promise<void> {
  const opened = line.branchName === '' ? await line.open(process) : await openBranch(line, process);
  const head = opened === undefined ? undefined : await latestSnapshot(opened.table);
  if (opened !== undefined && head !== undefined) await readAll(line, opened.table, head);
}

/** undefined: its making was cut short; what there is of it is taken away. */
async function openBranch(branch: CommitsBench, process: SimProcess): Promise<OpenedTable | undefined> {
  try {
    const opened = await branch.open(process);
    if ((await latestSnapshot(opened.table)) !== undefined) return opened;
    await opened.table.store.delete(`${opened.table.metaPath}/${schemaPath(opened.table.schema.id)}`);
    return undefined;
  } catch (error) {
    if (!isLakeError(error, 'LAKE_TABLE_NOT_FOUND')) throw error;
    return undefined;
  }
}

/** @throws Violation */
export async function checkDrained(bench: CommitsBench): Promise<void> {
  const { world } = bench;
  const process = world.process('drain');
  let isEnded = false;
  const drain = async (): Promise<void> => {
    // Twice: what the first run leaves since it is too young, the second takes.
    for (let round = 0; round < 2; round += 1) {
      await process.clock.sleep(3 * dayMs);
      await writeAll(bench, process);
      await process.clock.sleep(2 * dayMs);
      const table = await writeAll(bench, process);
      const isKept = bench.settings.maintainEvery === undefined;
      world.check(isKept || (await maintain(bench, table)), 'maintenance gave up in a quiet world');
      for (const line of [bench, ...bench.branches]) await readHeadOf(line, process);
    }
  };
  drain().then(
    () => {
      isEnded = true;
    },
    (error: unknown) => world.fail(error),
  );
  const end = await world.run(() => isEnded, 60 * dayMs);
  world.check(end === 'done', () => `a quiet world did not come to rest: ${end}`);
  if (bench.settings.maintainEvery === undefined) return;
  const raw = world.rawStore();
  const table = await openTable(raw, { database: 'd', name: 't' }, process);
  const isThere = (key: string): boolean => bench.settings.hasDataFiles || !key.includes('/bucket-');
  const missing = (await missingFiles(raw, table)).filter(isThere);
  world.check(missing.length === 0, () => `missing: ${missing.slice(0, 5).join(', ')}`);
  // What the drain itself wrote twice is too young to go.
  const litter = (await litterIn(raw, table)).filter(key => !key.includes(process.name));
  world.check(litter.length === 0, () => `litter: ${litter.slice(0, 5).join(', ')}`);
}
