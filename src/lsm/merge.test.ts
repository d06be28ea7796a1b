import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deduplicate } from '../format/merge-options.ts';
import { type KeyValueBatch, projectBatch } from '../types/row-batch.ts';
import {
  batchOf,
  deduplicated,
  type Entry,
  entriesOf,
  inPieces,
  keyNames,
  keyShape,
  keyShapes,
  keysOfShape,
} from './key-values.arbitrary.ts';
import { mergeRuns } from './merge.ts';
import { sortAndMerge } from './sort-merge.ts';

const bigintKeys = keyShape([{ kind: 'bigint', nullable: false }]);
const row = (id: number, sequence: number, value: number, kind = 0): Entry => ({
  key: [BigInt(id)],
  sequence: BigInt(sequence),
  kind,
  value,
});
const spec = { keyNames: ['k0'], ...deduplicate, dropDeletes: false } as const;
const run = (...entries: Entry[]) => inPieces(batchOf(bigintKeys, entries), [entries.length]);

async function collect(merged: AsyncIterable<KeyValueBatch>): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const batch of merged) entries.push(...entriesOf(batch));
  return entries;
}

test('a merge equals a map from key to last row, for any keys, runs and batching', async () => {
  await fc.assert(
    fc.asyncProperty(
      keyShapes.chain(shape =>
        fc.record({
          shape: fc.constant(shape),
          keys: fc.array(keysOfShape(shape), { minLength: 1, maxLength: 30 }),
          runs: fc.array(fc.array(fc.tuple(fc.nat(29), fc.constantFrom(0, 1, 2, 3)), { maxLength: 40 }), {
            maxLength: 7,
          }),
          sizes: fc.array(fc.nat(12), { minLength: 1, maxLength: 4 }),
          batchRowsMax: fc.integer({ min: 1, max: 20 }),
          dropDeletes: fc.boolean(),
          hasTies: fc.boolean(),
        }),
      ),
      async ({ shape, keys, runs, sizes, batchRowsMax, dropDeletes, hasTies }) => {
        const merge = { keyNames: keyNames(shape), ...deduplicate } as const;
        let sequence = 0;
        const inputs = runs.map(rows => {
          const entries = rows.map(([at, kind]): Entry => {
            sequence += 1;
            const key = keys[at % keys.length] ?? [];
            return { key, kind, value: sequence, sequence: hasTies ? 7n : BigInt((sequence * 37) % 101) };
          });
          const batch = batchOf(shape, entries);
          return sortAndMerge([batch], { ...merge, dropDeletes: false });
        });
        const merged: KeyValueBatch[] = [];
        const pieces = inputs.map(input => inPieces(input, sizes));
        for await (const out of mergeRuns(pieces, { ...merge, dropDeletes }, { batchRowsMax })) merged.push(out);
        for (const out of merged) expect(out.rows.rowCount).toBeGreaterThan(0);
        for (const out of merged) expect(out.rows.rowCount).toBeLessThanOrEqual(batchRowsMax);
        expect(merged.flatMap(entriesOf)).toEqual(deduplicated(shape, inputs.flatMap(entriesOf), { dropDeletes }));
      },
    ),
    { numRuns: 400 },
  );
});

test.each(['deduplicate', 'first-row'] as const)(
  '%s: values that come late are asked for where a row comes out, and what comes out is the same',
  async kind => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          runs: fc.array(fc.array(fc.tuple(fc.nat(29), fc.constantFrom(0, 2, 3)), { maxLength: 40 }), { maxLength: 5 }),
          sizes: fc.array(fc.nat(12), { minLength: 1, maxLength: 4 }),
          batchRowsMax: fc.integer({ min: 1, max: 20 }),
          dropDeletes: fc.boolean(),
          ignoresDeletes: fc.boolean(),
        }),
        async ({ runs, sizes, batchRowsMax, dropDeletes, ignoresDeletes }) => {
          const engine = { kind, ignoresDeletes: kind === 'first-row' || ignoresDeletes } as const;
          const merge = { keyNames: ['k0'], engine, sequence: undefined, dropDeletes };
          let sequence = 0;
          const inputs = runs.map(rows => {
            const entries = rows.map(([id, kindByte]): Entry => {
              sequence += 1;
              return row(id, sequence, sequence, kindByte);
            });
            return sortAndMerge([batchOf(bigintKeys, entries)], { ...spec, dropDeletes: false });
          });
          const eager = inputs.map(input => inPieces(input, sizes));
          const asked = new Set<KeyValueBatch>();
          const late = inputs.map(input => comingLate(inPieces(input, sizes), asked));
          const merged = await collect(mergeRuns(late, merge, { batchRowsMax }));
          expect(merged).toEqual(await collect(mergeRuns(eager, merge, { batchRowsMax })));
          const numbers = new Set(merged.map(entry => entry.sequence));
          for (const batch of asked) expect(entriesOf(batch).some(entry => numbers.has(entry.sequence))).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  },
);

/** The same batches with their keys alone; those whose values were asked for are told. */
async function* comingLate(
  batches: AsyncIterable<KeyValueBatch>,
  asked: Set<KeyValueBatch>,
): AsyncGenerator<KeyValueBatch, void, undefined> {
  for await (const batch of batches) {
    const wholeRows = async () => {
      asked.add(batch);
      return batch.rows;
    };
    yield { ...batch, rows: projectBatch(batch.rows, ['k0']), wholeRows };
  }
}

test('of equal sequence numbers the later run wins', async () => {
  const merged = mergeRuns([run(row(1, 5, 10)), run(row(1, 5, 11)), run(row(1, 4, 12))], spec, { batchRowsMax: 10 });
  expect(await collect(merged)).toEqual([row(1, 5, 11)]);
});

test('deletes stay as tombstones unless they are to be dropped', async () => {
  const runs = () => [run(row(1, 1, 10), row(2, 2, 20), row(3, 3, 30)), run(row(1, 4, 0, 3), row(2, 5, 0, 1))];
  expect(await collect(mergeRuns(runs(), spec, { batchRowsMax: 10 }))).toEqual([
    row(1, 4, 0, 3),
    row(2, 5, 0, 1),
    row(3, 3, 30),
  ]);
  const dropping = mergeRuns(runs(), { ...spec, dropDeletes: true }, { batchRowsMax: 10 });
  expect(await collect(dropping)).toEqual([row(3, 3, 30)]);
});

test('a delete in a batch that overlaps no other is dropped too', async () => {
  const merged = mergeRuns([run(row(1, 1, 10), row(2, 2, 0, 3))], { ...spec, dropDeletes: true }, { batchRowsMax: 10 });
  expect(await collect(merged)).toEqual([row(1, 1, 10)]);
});

test('batches apart from all others come out without a copy', async () => {
  const low = batchOf(bigintKeys, [row(1, 1, 10), row(2, 2, 20)]);
  const high = batchOf(bigintKeys, [row(8, 3, 80), row(9, 4, 90)]);
  const merged = await Array.fromAsync(mergeRuns([inPieces(high, [2]), inPieces(low, [2])], spec, { batchRowsMax: 4 }));
  expect(merged.map(batch => batch.rows.columns[0]?.values.buffer)).toEqual([
    low.rows.columns[0]?.values.buffer,
    high.rows.columns[0]?.values.buffer,
  ]);
});

test('no runs give no batches', async () => {
  expect(await collect(mergeRuns([], spec, { batchRowsMax: 10 }))).toEqual([]);
  expect(await collect(mergeRuns([run(), run()], spec, { batchRowsMax: 10 }))).toEqual([]);
});

test('a run whose keys do not ascend is corrupt, within a batch and from one to the next', async () => {
  const failure = { kind: 'corrupt', code: 'LAKE_RUN_NOT_SORTED' };
  for (const ids of [
    [2, 1],
    [1, 1],
    [1, 5, 4, 6],
    [1, 5, 5, 6],
    [1, 2, 3, 0],
  ]) {
    const batch = batchOf(
      bigintKeys,
      ids.map((id, i) => row(id, i, i)),
    );
    const merged = mergeRuns([inPieces(batch, [2, 1])], spec, { batchRowsMax: 10 });
    await expect(collect(merged)).rejects.toMatchObject(failure);
  }
});

/** A run that remembers whether it was closed. */
function watched(entries: readonly Entry[], options: { readonly failsAtEnd?: boolean } = {}) {
  const state = { isClosed: false };
  async function* read(): AsyncGenerator<KeyValueBatch> {
    try {
      for (const entry of entries) yield batchOf(bigintKeys, [entry]);
      if (options.failsAtEnd === true) throw new Error('the file is gone');
    } finally {
      state.isClosed = true;
    }
  }
  return { state, run: read() };
}

test('runs are closed when the merge is left early', async () => {
  const inputs = [watched([row(1, 1, 10), row(3, 2, 30)]), watched([row(2, 3, 20), row(4, 4, 40)])];
  const merged = mergeRuns(
    inputs.map(input => input.run),
    spec,
    { batchRowsMax: 1 },
  );
  for await (const batch of merged) {
    expect(entriesOf(batch)).toEqual([row(1, 1, 10)]);
    break;
  }
  expect(inputs.map(input => input.state.isClosed)).toEqual([true, true]);
});

test('when a run fails the others are closed and its failure comes out', async () => {
  const inputs = [watched([row(1, 1, 10)], { failsAtEnd: true }), watched([row(2, 3, 20), row(4, 4, 40)])];
  const merged = mergeRuns(
    inputs.map(input => input.run),
    spec,
    { batchRowsMax: 10 },
  );
  await expect(collect(merged)).rejects.toThrow('the file is gone');
  expect(inputs.map(input => input.state.isClosed)).toEqual([true, true]);
});

test('an output batch is handed on before it holds many batches of its runs', async () => {
  // Twenty runs of the same keys in batches of ten rows: each row that comes out leaves nineteen behind.
  const runCount = 20;
  const entries = Array.from({ length: 200 }, (_, id) => row(id, id, id));
  const runs = Array.from({ length: runCount }, () => inPieces(batchOf(bigintKeys, entries), [10, 9]));
  const sizes: number[] = [];
  for await (const batch of mergeRuns(runs, spec, { batchRowsMax: 50 })) sizes.push(batch.rows.rowCount);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(200);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(20);
});
