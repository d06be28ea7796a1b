// Page indexes of our files, against real Paimon: with a filter it passes over pages by them, and over none that has rows.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { isJsonObject, parseJson } from '../../src/base/json.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { openTable } from '../../src/table/table.ts';
import { TableWriter } from '../../src/table/write/table-writer.ts';
import { canonicalParser } from '../../src/types/canonical-json.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import { type Paimon, startPaimon } from './paimon.ts';

const parts = { clock: systemClock, random: systemRandom };
let paimon: Paimon;
let warehouse: string;

beforeAll(async () => {
  paimon = await startPaimon();
  warehouse = mkdtempSync(join(tmpdir(), 'tidelake-pages-'));
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  if (warehouse !== undefined) rmSync(warehouse, { recursive: true, force: true });
});

/** More than two pages of 16,384 rows. */
const rowCount = 40_000;
const columns: Readonly<Record<string, readonly [type: string, value: (row: number) => unknown]>> = {
  id: ['BIGINT', row => String(row)],
  i: ['INT', row => (row < 17_000 ? null : row * 3)],
  d: ['DOUBLE', row => row / 8],
  s: ['STRING', row => `name ${String(row).padStart(6, '0')}${'ä'.repeat(40)}`],
  few: ['STRING', row => `${Math.floor(row / 10_000)} of four`],
  dec: ['DECIMAL(25, 2)', row => `${row - 20_000}.25`],
  flag: ['BOOLEAN', row => row >= 17_000],
  tiny: ['TINYINT', row => Math.floor(row / 1_000) - 20],
  gap: ['STRING', row => (row < 17_000 ? null : `one of ${row % 3}`)],
  day: ['DATE', row => `20${10 + Math.floor(row / 1_000)}-02-03`],
  ts: ['TIMESTAMP(3)', row => `2024-01-01T00:${10 + Math.floor(row / 1000)}:00.${100 + (row % 900)}`],
  far: ['TIMESTAMP(9)', row => `2024-01-01T00:00:00.${100_000_000 + row}`],
};
const fields = Object.entries(columns).map(([name, [type]], id) => ({ id, name, type }));

function rowAt(row: number): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(columns).map(([name, [, value]]) => [name, value(row)]));
}

test('Paimon finds by a filter all rows that are there, and reads no page that has none of them', {
  timeout: 240_000,
}, async () => {
  const ref = { warehouse, table: 'db.pages' };
  const options = { bucket: '-1', 'file.format': 'parquet', 'metadata.stats-mode': 'none' };
  const keys = { partitionKeys: [], primaryKeys: [] };
  await paimon.create(ref, {
    version: 3,
    id: 0,
    fields,
    highestFieldId: fields.length - 1,
    ...keys,
    options,
    timeMillis: 1,
  });
  await using store = await openObjectStore(warehouse, {}, parts);
  const table = await openTable(store, { database: 'db', name: 'pages' }, parts);
  const parse = canonicalParser(table.schema);
  const rows = Array.from({ length: rowCount }, (_, row) => {
    const json = parseJson(JSON.stringify(rowAt(row)));
    return isJsonObject(json) ? parse(json) : [];
  });
  await using committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  await writer.add(buildBatch({ fields: table.schema.fields }, rows), new Int8Array(rowCount));
  await writer.commit();
  for (const row of [0, 16_384, rowCount - 1]) {
    for (const [column, literal] of Object.entries(rowAt(row))) {
      const filter = literal === null ? 'is-null' : '=';
      const found = await paimon.candidates(ref, { column, operator: filter, literal });
      const ids = new Set(found.map(line => Number(JSON.parse(line).id)));
      const wanted = Array.from({ length: rowCount }, (_, at) => at).filter(at => rowAt(at)[column] === literal);
      expect(
        wanted.filter(at => !ids.has(at)),
        `${column} of row ${row}`,
      ).toEqual([]);
      // Of INT96 there are no bounds, and by a BOOLEAN Paimon 1.4.2 passes over nothing.
      if (column !== 'far' && column !== 'flag') expect(ids.size, `${column} of row ${row}`).toBeLessThan(rowCount);
    }
  }
});
