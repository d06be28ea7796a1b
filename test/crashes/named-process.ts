/**
 * A named producer as a process of its own. `resume`: it goes on where its name stood. `invoked`: as a function that is
 * invoked for each request, twice as often as not, since another process does the same.
 */
import type { LakeSettings } from '../../src/service/settings.ts';
import { createNamedTables, namedRows, requestCount } from './named-tables.ts';
import { openWhenThere } from './tables.ts';
import { tell, untilTold } from './until-told.ts';

export type NamedTask = { readonly settings: LakeSettings; readonly mode: 'resume' | 'invoked' };

const { settings, mode }: NamedTask = JSON.parse(process.argv[2] ?? '{}');
const signal = untilTold();
await using lake = await openWhenThere(settings);
const tables = Object.values(await createNamedTables(lake));
tell({ kind: 'ready' });
await Promise.all(tables.map(table => (mode === 'resume' ? resume(table) : invoke(table))));
tell({ kind: 'read', rows: requestCount });
process.stdin.destroy();

async function resume(table: (typeof tables)[number]): Promise<void> {
  const producer = await table.producer('source');
  for (let number = producer.resumedNumber ?? 1; number <= requestCount && !signal.aborted; number += 1) {
    await producer.send(namedRows(number), { number, kind: '+I' });
  }
}

async function invoke(table: (typeof tables)[number]): Promise<void> {
  for (let number = 1; number <= requestCount && !signal.aborted; number += 1) {
    await table.send(namedRows(number), { producer: 'source', number, kind: '+I' });
  }
}
