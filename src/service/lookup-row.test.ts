/** What a lookup of an open lake asks for, as its store sees it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { openObjectStore } from '../storage/open-object-store.ts';
import { t } from './column-types.ts';
import { openLake } from './lake.ts';

const rowCount = 60_000;

function rowOf(k: number) {
  return { k, a: `${((k * 7_919) % 60_013).toString(36)} ${(k * k) % 1_009}`, b: (k * 31) % 257 };
}

test.each(['off', 'on'] as const)(
  'in a folder, a lookup asks for pages of all columns at one time, ledger %s',
  async ledger => {
    const folder = mkdtempSync(join(tmpdir(), 'tidelake-lookup-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const local = await openObjectStore(
      folder,
      { local: { durability: 'none' } },
      { clock: systemClock, random: systemRandom },
    );
    let [waiting, rounds, ranges] = [0, 0, 0];
    const getRange = local.getRange.bind(local);
    local.getRange = async (...call) => {
      if (waiting === 0) rounds += 1;
      waiting += 1;
      ranges += 1;
      try {
        return await getRange(...call);
      } finally {
        waiting -= 1;
      }
    };
    await using lake = await openLake({ warehouse: folder, cost: { ledger } }, { store: local });
    const table = await lake.createTable('db.t', {
      columns: { k: t.int(), a: t.string(), b: t.int() },
      primaryKey: ['k'],
      options: { bucket: 1, 'file.compression': 'none' },
    });
    {
      await using writer = table.writer({ batchRowsMax: rowCount });
      await writer.writeAll(Array.from({ length: rowCount }, (_, k) => rowOf(k)));
    }
    await table.lookup({ k: 0 });
    for (const k of [1, 33_333, rowCount - 1]) {
      [rounds, ranges] = [0, 0];
      expect(await table.lookup({ k })).toEqual(rowOf(k));
      expect(rounds).toBe(1);
      // Pages that lie close to each other come together.
      expect(ranges).toBeLessThanOrEqual(3);
    }
  },
);
