import fc from 'fast-check';
import { expect, test } from 'vitest';
import { present } from '../base/assert.ts';
import { seededRandom } from '../base/random.ts';
import { keyLayout, keysOf } from './key-order.ts';
import { sortByKey } from './key-sort.ts';
import { batchOf, type Entry, entriesOf, inPieces, type KeyShape, keyNames, keyShape } from './key-values.arbitrary.ts';
import type { MergeFunction } from './merge-function.ts';
import { MergeLoop } from './merge-loop.ts';
import type { RowGroups } from './row-groups.ts';
import { RunCursor } from './run-cursor.ts';
import { groupRows, sequenceOrder } from './sort-merge.ts';

const shape = keyShape([{ kind: 'bigint', nullable: false }]);
const row = (id: number, sequence: number): Entry => ({
  key: [BigInt(id)],
  sequence: BigInt(sequence),
  kind: 0,
  value: sequence,
});

/** The groups as lists of sequence numbers. */
function sequencesOf(groups: RowGroups): number[][] {
  const sources = groups.sources.map(entriesOf);
  const entries = Array.from(groups.rowIndex, (at, i) =>
    Number(present(sources[groups.sourceIndex[i] ?? 0]?.[at], 'entry').sequence),
  );
  const { starts } = groups;
  if (starts === undefined) return entries.map(entry => [entry]);
  return Array.from({ length: starts.length - 1 }, (_, group) => entries.slice(starts[group], starts[group + 1]));
}

async function groupsOf(
  runs: readonly (readonly Entry[])[],
  entries: MergeFunction<unknown>['entries'],
  options: { readonly sizes: readonly number[]; readonly groupsMax: number },
  rowShape: KeyShape = shape,
): Promise<number[][]> {
  const cursors = runs.map(
    (run, index) =>
      new RunCursor(inPieces(batchOf(rowShape, run), options.sizes), index, {
        keyNames: keyNames(rowShape),
        sequence: undefined,
      }),
  );
  for (const cursor of cursors) await cursor.load();
  const loop = new MergeLoop(cursors, entries);
  const groups: number[][] = [];
  for (;;) {
    const outcome = loop.collect(options.groupsMax);
    if (outcome === 'exhausted') {
      await loop.winner.load();
      loop.advance();
      continue;
    }
    expect(loop.groupCount).toBeLessThanOrEqual(options.groupsMax);
    groups.push(...sequencesOf(loop.takeGroups()));
    if (outcome === 'ended') return groups;
  }
}

const wanted: Readonly<Record<MergeFunction<unknown>['entries'], (group: readonly number[]) => readonly number[]>> = {
  all: group => group,
  last: group => group.slice(-1),
};

test('a merge function gets of each group the entries it asks for, oldest first', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        entries: fc.constantFrom('all' as const, 'last' as const),
        runs: fc.array(fc.uniqueArray(fc.nat(30)), { minLength: 1, maxLength: 6 }),
        sizes: fc.array(fc.nat(9), { minLength: 1, maxLength: 3 }),
        groupsMax: fc.integer({ min: 1, max: 9 }),
      }),
      async ({ entries, runs, sizes, groupsMax }) => {
        let sequence = 0;
        const inputs = runs.map(ids => {
          sequence += 100;
          return ids.toSorted((a, b) => a - b).map((id, i) => row(id, sequence + i));
        });
        const byKey = new Map<bigint, number[]>();
        for (const entry of inputs.flat()) {
          const key = BigInt(String(entry.key[0]));
          byKey.set(key, [...(byKey.get(key) ?? []), Number(entry.sequence)]);
        }
        const expected = [...byKey]
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([, group]) => wanted[entries](group.toSorted((a, b) => a - b)));
        expect(await groupsOf(inputs, entries, { sizes, groupsMax })).toEqual(expected);
      },
    ),
  );
});

test('more groups than there is room for at first are kept', async () => {
  const runs = [0, 1, 2].map(run => Array.from({ length: 3000 }, (_, id) => row(id, run * 10_000 + id)));
  const groups = await groupsOf(runs, 'all', { sizes: [3000], groupsMax: 5000 });
  expect(groups.length).toBe(3000);
  expect(groups[2999]).toEqual([2999, 12_999, 22_999]);
});

test('what is merged in blocks are the groups that a map makes, whatever the order of sequence numbers', async () => {
  const random = seededRandom(3);
  const keyLists = [9_000, 700, 700, 2_500, 1].map(count => {
    const ids = new Set<number>();
    while (ids.size < count) ids.add(Math.floor(random.next() * 10_000));
    return [...ids].toSorted((a, b) => a - b);
  });
  for (const idOf of [(id: number) => id, (id: number) => id * 2 ** 49, (id: number) => Math.floor(id / 300)]) {
    const runs = keyLists.map((ids, run) =>
      [...new Set(ids.map(idOf))].map((id, i) => row(id, ((id + i * 7) % 1_000) * 10 + run)),
    );
    const byKey = new Map<unknown, number[]>();
    for (const { key, sequence } of runs.flat()) byKey.set(key[0], [...(byKey.get(key[0]) ?? []), Number(sequence)]);
    const expected = [...byKey]
      .toSorted(([a], [b]) => (BigInt(String(a)) < BigInt(String(b)) ? -1 : 1))
      .map(([, group]) => group.toSorted((a, b) => a - b));
    for (const groupsMax of [1_500, 20_000]) {
      for (const sizes of [[4_000], [2_000, 600]]) {
        expect(await groupsOf(runs, 'all', { sizes, groupsMax })).toEqual(expected);
        const last = expected.map(group => group.slice(-1));
        expect(await groupsOf(runs, 'last', { sizes, groupsMax })).toEqual(last);
      }
    }
  }
});

const textShape = keyShape([{ kind: 'varchar', length: 40, nullable: false }]);

test.each([20, 400])('texts of which %i begin alike come in order, and rows of one key together', async alike => {
  const text = (id: number): string =>
    `${String.fromCharCode(97 + (Math.floor(id / alike) % 26))}-alike-${String(id).padStart(6, '0')}`;
  const runs = [1, 2, 3].map(step =>
    Array.from({ length: 3_000 }, (_, i) => ({ ...row(0, step * 10_000 + i), key: [text((i * step) % 3_000)] }))
      .filter((entry, i, all) => all.findIndex(other => other.key[0] === entry.key[0]) === i)
      .toSorted((a, b) => (String(a.key[0]) < String(b.key[0]) ? -1 : 1)),
  );
  const byKey = new Map<unknown, number[]>();
  for (const { key, sequence } of runs.flat()) byKey.set(key[0], [...(byKey.get(key[0]) ?? []), Number(sequence)]);
  const expected = [...byKey].toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)).map(([, group]) => group);
  expect(await groupsOf(runs, 'all', { sizes: [3_000], groupsMax: 10_000 }, textShape)).toEqual(expected);
});

test.each(['all', 'last'] as const)('a flush gives %s of a group just so', entries => {
  const batches = [
    batchOf(shape, [row(7, 0), row(3, 1), row(7, 2)]),
    batchOf(shape, [row(3, 3), row(9, 4), row(7, 5)]),
  ];
  const rows = batchOf(shape, batches.flatMap(entriesOf)).rows;
  const sorted = sortByKey(keysOf(rows, keyLayout(shape.rowType, ['k0'])), sequenceOrder(batches, 6));
  const expected = [[1, 3], [0, 2, 5], [4]].map(wanted[entries]);
  expect(sequencesOf(groupRows(batches, sorted, entries))).toEqual(expected);
});
