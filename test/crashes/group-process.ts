/** A member of a group of readers as a process of its own: what it is given it tells, and then asks for more. */
import { isLakeError } from '../../src/base/errors.ts';
import type { LakeSettings } from '../../src/service/settings.ts';
import { openWhenThere } from './tables.ts';
import { tell, untilTold } from './until-told.ts';

export type GroupTask = { readonly settings: LakeSettings; readonly leaseMs: number };

const { settings, leaseMs }: GroupTask = JSON.parse(process.argv[2] ?? '{}');
const signal = untilTold();
await using lake = await openWhenThere(settings);
const table = await lake.table('g.rows');
tell({ kind: 'ready' });
while (!signal.aborted) {
  try {
    for await (const { row } of table.subscribe({ from: 'full', group: 'g', leaseMs, signal })) {
      tell({ kind: 'given', k: Number(row['k']), n: Number(row['n']) });
    }
  } catch (error) {
    // On a loaded machine a process stands still for longer than its lease.
    if (!isLakeError(error, 'LAKE_LEASE_LOST')) throw error;
  }
}
process.stdin.destroy();
