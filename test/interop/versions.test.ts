// What we write, older versions of Paimon read, go on with and compact, and we read what came of it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { linesOfCase } from '../../src/service/golden-compare.ts';
import { replayGolden } from '../../src/service/golden-replay.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import { openTable } from '../../src/table/table.ts';
import { rootForOlderReaders } from './older-readers.ts';
import { startPaimon } from './paimon.ts';
import { firstDifference } from './rows.ts';

const root = fileURLToPath(new URL('../golden/tables', import.meta.url));
const parts = { clock: systemClock, random: systemRandom };

/** Of each feature one, as far as the version has it. */
const tables = {
  '1.3.1': [
    'agg_basic',
    'ap_bucketed',
    'cl_lookup',
    'dv_pk64',
    'evo_types',
    'pk_levels',
    'pk_nested',
    'pk_part',
    'pk_types_b4',
    'pu_seqgroup_agg',
    'seq_field2',
    'thin_mode',
  ],
  '0.9.0': [
    'agg_basic',
    'ap_bucketed',
    'cl_lookup',
    'evo_columns',
    'pk_levels',
    'pk_part',
    'pu_seqgroup',
    'seq_field2',
  ],
} as const;

for (const version of ['1.3.1', '0.9.0'] as const) {
  const folder = mkdtempSync(join(tmpdir(), `tidelake-${version}-`));
  const ownRoot = version === '0.9.0' ? rootForOlderReaders(root, tables[version]) : root;
  let paimon: Awaited<ReturnType<typeof startPaimon>>;

  beforeAll(async () => {
    paimon = await startPaimon({ version });
    for await (const verdict of replayGolden({ root: ownRoot, out: folder, tables: tables[version] }, parts)) {
      expect(verdict).toMatchObject({ status: 'passed' });
    }
  });

  afterAll(async () => {
    await paimon?.[Symbol.asyncDispose]();
    for (const made of [folder, ...(ownRoot === root ? [] : [ownRoot])]) rmSync(made, { recursive: true, force: true });
  });

  test.each(tables[version])(
    `Paimon ${version} reads our %s, appends to it and compacts it, and we read that`,
    async name => {
      const ref = { warehouse: folder, table: `db.${name}` };
      const expected = readFileSync(join(root, 'expected', name, 'latest.jsonl'), 'utf8')
        .split('\n')
        .filter(line => line !== '');
      expect(firstDifference(await paimon.rows(ref), expected)).toBeUndefined();
      const changes = expected.filter((_, index) => index % 3 === 0).map(row => `+I ${row}`);
      await paimon.append(ref, changes, { compaction: true });
      await paimon.compactFully(ref);
      await using store = await openObjectStore(folder, {}, parts);
      const table = await openTable(store, { database: 'db', name }, parts);
      const ours = await linesOfCase(table, { kind: 'latest', key: '' });
      expect(firstDifference(ours, await paimon.rows(ref))).toBeUndefined();
    },
  );
}
