// Sets of 64-bit numbers (aggregate rbm64), against real Paimon: its bytes are ours, whatever the order in which numbers came
// and sets were united, and tables of either writer merge to the same.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Random, seededRandom } from '../../src/base/random.ts';
import {
  decodeRoaring64,
  encodeRoaring64,
  numbersIn64,
  roaring64Of,
  uniteRoaring64,
} from '../../src/format/roaring64.ts';
import { openLake } from '../../src/index.ts';
import { type Paimon, startPaimon } from './paimon.ts';

let paimon: Paimon;
let warehouse: string;

beforeAll(async () => {
  paimon = await startPaimon();
  warehouse = mkdtempSync(join(tmpdir(), 'tidelake-bitmaps-'));
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  if (warehouse !== undefined) rmSync(warehouse, { recursive: true, force: true });
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'hex');
}

const below = (random: Random, count: number): number => Math.floor(random.next() * count);

/** Lists, long runs and dense stretches, under few or many upper bytes, in any order. */
function randomNumbers(random: Random): readonly bigint[] {
  const numbers: bigint[] = [];
  const stretches = 1 + below(random, random.next() < 0.3 ? 90 : 8);
  const spread = [16n, 24n, 32n, 40n, 56n][below(random, 5)] ?? 16n;
  for (let stretch = 0; stretch < stretches; stretch += 1) {
    const base = BigInt.asUintN(64, (BigInt(below(random, 300)) << spread) + (BigInt(below(random, 3)) << 62n));
    const step = [1, 1, 2, 3, 1000][below(random, 5)] ?? 1;
    const count = stretches > 20 ? 1 + below(random, 4) : below(random, random.next() < 0.3 ? 9_000 : 40);
    for (let index = 0; index < count; index += 1) numbers.push(BigInt.asUintN(64, base + BigInt(index * step)));
  }
  return random.next() < 0.5 ? numbers : numbers.toReversed();
}

test('sets and their unions have the bytes of Paimon', { timeout: 240_000 }, async () => {
  const random = seededRandom(11);
  for (let round = 0; round < 40; round += 1) {
    const sets = Array.from({ length: 6 }, () => randomNumbers(random));
    const theirs = await paimon.bitmaps(sets.map(numbers => `of ${numbers.join(' ')}`.trimEnd()));
    for (const [index, numbers] of sets.entries()) {
      const text = theirs[index] ?? '';
      expect(hex(encodeRoaring64(roaring64Of(numbers))) === text, `set ${index} of round ${round}`).toBe(true);
      const read = decodeRoaring64(bytes(text), 'theirs');
      expect([...numbersIn64(read)]).toEqual([...new Set(numbers)].toSorted((a, b) => (a < b ? -1 : 1)));
      expect(hex(encodeRoaring64(read)) === text).toBe(true);
    }
    let held = theirs[0] ?? '';
    for (const next of theirs.slice(1)) {
      const [united = ''] = await paimon.bitmaps([`or ${held} ${next}`]);
      const ours = uniteRoaring64(decodeRoaring64(bytes(held), 'held'), decodeRoaring64(bytes(next), 'next'));
      expect(hex(encodeRoaring64(ours)) === united, `union in round ${round}`).toBe(true);
      held = united;
    }
  }
});

test('tables with rbm64 merge to what Paimon merges, whoever wrote and compacted them', {
  timeout: 120_000,
}, async () => {
  const random = seededRandom(5);
  const options = { bucket: '1', 'merge-engine': 'aggregation', 'fields.v.aggregate-function': 'rbm64' };
  const tables = ['theirs', 'ours'].map(name => ({ warehouse, table: `db.${name}` }));
  for (const ref of tables) {
    await paimon.create(ref, {
      version: 3,
      id: 0,
      fields: [
        { id: 0, name: 'k', type: 'INT NOT NULL' },
        { id: 1, name: 'v', type: 'BYTES' },
      ],
      highestFieldId: 1,
      partitionKeys: [],
      primaryKeys: ['k'],
      options: { ...options, 'file.format': 'parquet' },
      timeMillis: 1,
    });
  }
  const [theirs, ours] = tables;
  if (theirs === undefined || ours === undefined) throw new Error('two tables');
  await using lake = await openLake({ warehouse: `file:${warehouse}` });
  for (let commit = 0; commit < 4; commit += 1) {
    const rows = Array.from({ length: 5 }, (_, k) => ({
      k,
      v: hex(encodeRoaring64(roaring64Of(randomNumbers(random)))),
    }));
    for (const ref of tables)
      await paimon.append(
        ref,
        rows.map(row => `+I ${JSON.stringify(row)}`),
      );
  }
  const merged = await paimon.rows(theirs);
  expect(await paimon.rows(ours)).toEqual(merged);
  await paimon.compactFully(theirs);
  await (await lake.sql("CALL sys.compact('db.ours')")).rows();
  expect(await paimon.rows(theirs)).toEqual(merged);
  expect(await paimon.rows(ours)).toEqual(merged);
  const result = await lake.sql<{ readonly k: number; readonly v: Uint8Array }>(
    'SELECT k, v FROM db.theirs ORDER BY k',
  );
  expect((await result.rows()).map(({ k, v }) => JSON.stringify({ k, v: hex(v) }))).toEqual(merged.toSorted());
});
