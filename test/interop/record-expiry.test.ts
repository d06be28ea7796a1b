// Rows whose time is over: what our compaction leaves is what Paimon's leaves of the same rows.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLake } from '../../src/index.ts';
import { startPaimon } from './paimon.ts';

const dayMs = 86_400_000;
/** An hour away from where time is over: the two do not run at the same moment. */
const agesMs = [0, dayMs - 3_600_000, dayMs + 3_600_000, 300 * dayMs];

const types: readonly (readonly [type: string, sql: (ms: number) => string])[] = [
  ['INT', ms => String(Math.floor(ms / 1000))],
  ['BIGINT', ms => String(Math.floor(ms / 1000))],
  ['BIGINT', ms => String(ms)],
  ['TIMESTAMP(3)', ms => `TIMESTAMP '${new Date(ms).toISOString().slice(0, 23).replace('T', ' ')}'`],
  ['TIMESTAMP_LTZ(6)', ms => `TIMESTAMP '${new Date(ms).toISOString().slice(0, 23).replace('T', ' ')}'`],
];

test('our compactions and Paimon’s leave the same rows', { timeout: 120_000 }, async () => {
  const warehouse = mkdtempSync(join(tmpdir(), 'tidelake-record-expiry-'));
  await using paimon = await startPaimon();
  await using lake = await openLake({ warehouse: `file:${warehouse}` });
  const nowMs = Date.now();
  try {
    await lake.sql('CREATE DATABASE d; USE d');
    for (const [index, [type, literal]] of types.entries()) {
      const values = [...agesMs.map((ageMs, k) => `(${k}, ${literal(nowMs - ageMs)}, 1)`), '(9, NULL, 1)'].join(', ');
      const names = [`ours${index}`, `theirs${index}`];
      for (const name of names) {
        await lake.sql(`CREATE TABLE ${name} (k INT NOT NULL, t ${type}, v INT, PRIMARY KEY (k) NOT ENFORCED)
          WITH ('bucket' = '1', 'record-level.expire-time' = '1 d', 'record-level.time-field' = 't');
          INSERT INTO ${name} VALUES ${values}; INSERT INTO ${name} VALUES (0, ${literal(nowMs)}, 2), (3, NULL, 2)`);
      }
      const [ours = '', theirs = ''] = names;
      const before = await paimon.rows({ warehouse, table: `d.${ours}` });
      expect(before, type).toHaveLength(5);
      await lake.sql(`CALL sys.compact('d.${ours}')`);
      await paimon.compactFully({ warehouse, table: `d.${theirs}` });
      const left = await paimon.rows({ warehouse, table: `d.${ours}` });
      expect(left, type).toEqual(await paimon.rows({ warehouse, table: `d.${theirs}` }));
      expect(left.length, type).toBeLessThan(5);
      const read = await (await lake.sql(`SELECT k FROM ${theirs}`)).rows();
      expect(read, type).toHaveLength(left.length);
    }
  } finally {
    rmSync(warehouse, { recursive: true, force: true });
  }
});
