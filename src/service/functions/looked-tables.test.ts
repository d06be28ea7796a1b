import { expect, test } from 'vitest';
import { fixtureTable, ManualClock } from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { LookedTables } from './looked-tables.ts';

test('a table is kept for a minute, and what was settled for longer', async () => {
  const clock = new ManualClock();
  const table = await fixtureTable(new MemoryObjectStore('memory:looked', clock), { clock, random: seededRandom(1) });
  const looked = new LookedTables();
  expect(looked.opened('d.t', 0)).toBeUndefined();
  looked.settle('d.t', 5);
  expect(looked.isSettled('d.t', 1)).toBe(false);
  looked.keep('d.t', table, 0);
  looked.settle('d.t', 5);
  looked.settle('d.t', 3);
  expect([looked.opened('d.t', 59_999), looked.opened('d.t', 60_000)]).toEqual([table, undefined]);
  looked.keep('d.t', table, 60_000);
  expect([4, 5, 6].map(id => looked.isSettled('d.t', id))).toEqual([true, true, false]);
  looked.forget('d.t');
  expect([looked.opened('d.t', 60_000), looked.isSettled('d.t', 1)]).toEqual([undefined, false]);
});

test('of more tables than it has room for it forgets the one that was opened first', async () => {
  const clock = new ManualClock();
  const table = await fixtureTable(new MemoryObjectStore('memory:many', clock), { clock, random: seededRandom(1) });
  const looked = new LookedTables();
  for (let index = 0; index <= 1_000; index += 1) looked.keep(`d.t${index}`, table, 0);
  expect([looked.opened('d.t0', 0), looked.opened('d.t1', 0)]).toEqual([undefined, table]);
});
