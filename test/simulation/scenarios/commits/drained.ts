/** What must hold when the faults are over and everybody has ended. */
import { latestSnapshot } from '../../../../src/table/snapshots.ts';
import { openTable } from '../../../../src/table/table.ts';
import { litterIn, missingFiles } from '../../../maintenance-fixture.ts';
import type { CommitsBench } from './bench.ts';
import { maintain, readAll } from './readers.ts';
import { writeChange } from './writers.ts';

const dayMs = 24 * 3_600_000;

/** @throws Violation */
export async function checkDrained(bench: CommitsBench): Promise<void> {
  const { world } = bench;
  const process = world.process('drain');
  let isEnded = false;
  const drain = async (): Promise<void> => {
    // Twice: what the first run leaves since it is too young, the second takes.
    for (let round = 0; round < 2; round += 1) {
      await process.clock.sleep(3 * dayMs);
      const opened = await bench.open(process);
      await writeChange(bench, process, opened);
      await process.clock.sleep(2 * dayMs);
      await writeChange(bench, process, opened);
      const isKept = bench.settings.maintainEvery === undefined;
      world.check(isKept || (await maintain(bench, opened.table)), 'maintenance gave up in a quiet world');
      const head = await latestSnapshot(opened.table);
      if (head !== undefined) await readAll(bench, opened.table, head);
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
