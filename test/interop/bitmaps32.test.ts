// Sets of 32-bit numbers (aggregate rbm32) and deletion vectors, against real Paimon, which optimizes runs before it writes:
// its bytes are ours, and each reads the other's.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Random, seededRandom } from '../../src/base/random.ts';
import {
  decodeDeletionVector,
  deletedPositions,
  encodeVectorFile,
  type VectorBits,
  vectorBytes,
} from '../../src/format/deletion-vector.ts';
import { decodeRoaring, encodeRoaring, encodeRoaringBitmap, numbersIn } from '../../src/format/roaring.ts';
import { uniteRoaring } from '../../src/format/roaring-union.ts';
import { openLake } from '../../src/index.ts';
import { type Paimon, startPaimon } from './paimon.ts';

let paimon: Paimon;
let warehouse: string;

beforeAll(async () => {
  paimon = await startPaimon();
  warehouse = mkdtempSync(join(tmpdir(), 'tidelake-bitmaps32-'));
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  if (warehouse !== undefined) rmSync(warehouse, { recursive: true, force: true });
});

const below = (random: Random, count: number): number => Math.floor(random.next() * count);

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Lists, runs and dense stretches, also such as runs and lists take the same bytes for; each once, ascending. */
function randomNumbers(random: Random, spanMax: number): readonly number[] {
  const numbers = new Set<number>();
  for (let stretch = below(random, random.next() < 0.2 ? 60 : 8); stretch >= 0; stretch -= 1) {
    const base = below(random, spanMax - 20_000);
    const [step = 1, run = 1] =
      [
        [1, 1],
        [3, 2],
        [3, 2],
        [2, 1],
        [1_000, 1],
        [5, 3],
      ][below(random, 6)] ?? [];
    const count = below(random, random.next() < 0.3 ? 5_000 : 30);
    for (let index = 0; index < count; index += 1) {
      for (let more = 0; more < run; more += 1) numbers.add(Math.min(spanMax - 1, base + index * step + more));
    }
  }
  return [...numbers].toSorted((a, b) => a - b);
}

test('sets of 32-bit numbers and their unions have the bytes of Paimon', { timeout: 240_000 }, async () => {
  const random = seededRandom(23);
  for (let round = 0; round < 30; round += 1) {
    const span = [70_000, 400_000, 2 ** 32][round % 3] ?? 70_000;
    const sets = Array.from({ length: 6 }, () => randomNumbers(random, span));
    const theirs = await paimon.bitmaps(sets.map(numbers => `of32 ${numbers.join(' ')}`.trimEnd()));
    for (const [index, numbers] of sets.entries()) {
      const text = theirs[index] ?? '';
      expect(hex(encodeRoaring(numbers)) === text, `set ${index} of round ${round}`).toBe(true);
      const { bitmap } = decodeRoaring(Buffer.from(text, 'hex'), 0, 'theirs');
      expect([...numbersIn(bitmap, 0, 2 ** 32)]).toEqual(numbers);
    }
    let held = theirs[0] ?? '';
    for (const next of theirs.slice(1)) {
      const [united = ''] = await paimon.bitmaps([`or32 ${held} ${next}`]);
      const [a, b] = [held, next].map(text => decodeRoaring(Buffer.from(text, 'hex'), 0, 'held').bitmap);
      if (a === undefined || b === undefined) throw new Error('two sets');
      expect(hex(encodeRoaringBitmap(uniteRoaring(a, b))) === united, `union in round ${round}`).toBe(true);
      held = united;
    }
  }
});

test.each([32, 64] as const)(
  'deletion vectors of %i bits have the bytes of Paimon',
  { timeout: 120_000 },
  async bits => {
    const random = seededRandom(31 + bits);
    const span = bits === 32 ? 2 ** 31 - 1 : 2 ** 36;
    for (let round = 0; round < 20; round += 1) {
      const sets = Array.from({ length: 4 }, () => randomNumbers(random, [70_000, 900_000, span][round % 3] ?? span));
      const theirs = await paimon.bitmaps(sets.map(numbers => `vector${bits} ${numbers.join(' ')}`));
      for (const [index, positions] of sets.entries()) {
        if (positions.length === 0) continue;
        const bytes = Buffer.from(theirs[index] ?? '', 'hex');
        expect(hex(ourVector(positions, bits)) === hex(bytes), `vector ${index} of round ${round}`).toBe(true);
        const length = bits === 32 ? bytes.length - 8 : bytes.length;
        const range = { fileName: 'f', offset: 0, length, cardinality: positions.length };
        const { start, end } = vectorBytes(range, bytes.length);
        const vector = decodeDeletionVector(bytes.subarray(start, end), range, 'theirs');
        expect([...deletedPositions(vector, 0, Number.MAX_SAFE_INTEGER)]).toEqual(positions);
      }
    }
  },
);

/** Without the byte that an index file begins with. */
function ourVector(positions: readonly number[], bits: VectorBits): Uint8Array {
  return encodeVectorFile([{ fileName: 'f', positions }], bits).bytes.subarray(1);
}

test('tables with rbm32 merge to what Paimon merges, byte for byte, whoever compacts them', {
  timeout: 120_000,
}, async () => {
  const random = seededRandom(7);
  const tables = ['theirs', 'ours'].map(name => ({ warehouse, table: `db.${name}` }));
  await using lake = await openLake({ warehouse: `file:${warehouse}` });
  await lake.sql('CREATE DATABASE db');
  for (const { table } of tables) {
    await lake.sql(`CREATE TABLE ${table} (k INT NOT NULL, v BYTES, PRIMARY KEY (k) NOT ENFORCED) WITH
      ('bucket' = '1', 'merge-engine' = 'aggregation', 'fields.v.aggregate-function' = 'rbm32')`);
  }
  const [theirs, ours] = tables;
  if (theirs === undefined || ours === undefined) throw new Error('two tables');
  for (let commit = 0; commit < 4; commit += 1) {
    const values = Array.from(
      { length: 6 },
      (_, k) => [k, hex(encodeRoaring(randomNumbers(random, 300_000)))] as const,
    );
    const lines = values.map(([k, v]) => `+I ${JSON.stringify({ k, v })}`);
    await paimon.append(theirs, lines);
    if (commit % 2 === 0) await paimon.append(ours, lines);
    else await lake.sql(`INSERT INTO db.ours VALUES ${values.map(([k, v]) => `(${k}, from_hex('${v}'))`).join(', ')}`);
  }
  const merged = await paimon.rows(theirs);
  expect(await paimon.rows(ours)).toEqual(merged);
  await paimon.compactFully(theirs);
  await (await lake.sql("CALL sys.compact('db.ours', compact_strategy => 'full')")).rows();
  expect(await paimon.rows(theirs)).toEqual(merged);
  expect(await paimon.rows(ours)).toEqual(merged);
  for (const table of ['theirs', 'ours']) {
    const result = await lake.sql<{ readonly k: number; readonly v: Uint8Array }>(`SELECT k, v FROM db.${table}`);
    const rows = await result.rows();
    expect(rows.map(({ k, v }) => JSON.stringify({ k, v: hex(v) })).toSorted()).toEqual(merged.toSorted());
  }
});
