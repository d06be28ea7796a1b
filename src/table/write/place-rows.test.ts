import { expect, test } from 'vitest';
import { equals, numbered, rowTable } from '../../../test/row-fixture.ts';
import { parseTableOptions } from '../../format/table-options.ts';
import { buildBatch } from '../../types/column-builder.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { Scalar } from '../../types/scalar.ts';
import { type Place, placeRows } from './place-rows.ts';

async function placed(
  settings: Parameters<typeof rowTable>[0],
  rows: readonly (readonly Scalar[])[],
): Promise<readonly { readonly place: Place; readonly rows: Scalar[][]; readonly kinds: readonly number[] }[]> {
  const { schema } = (await rowTable(settings)).table;
  const batch = buildBatch({ fields: schema.fields }, rows);
  const kinds = Int8Array.from(rows, (_, index) => index % 4);
  return placeRows(schema, parseTableOptions(schema), batch, kinds).map(part => ({
    place: part.place,
    rows: rowsOf(part.rows),
    kinds: [...part.kinds],
  }));
}

test('rows of one place go together as they are', async () => {
  const rows = numbered('x', 0, 5);
  expect(await placed({}, rows)).toMatchObject([
    { place: { bucket: 0, totalBuckets: 1 }, rows, kinds: [0, 1, 2, 3, 0] },
  ]);
  expect(await placed({}, [])).toEqual([]);
});

test('partitions are told apart by value, null, blank and what looks alike', async () => {
  const values = ['a', '', null, 'a', ' ', '1/b', '1', null];
  const parts = await placed(
    { primaryKeys: [], partitionKeys: ['p'], options: { bucket: '-1' } },
    values.map((p, index) => [p, index, 'v']),
  );
  expect(parts.map(({ place, rows }) => [place.partitionValues[0], rows.map(([, k]) => k)])).toEqual([
    ['a', [0, 3]],
    ['', [1]],
    [null, [2, 7]],
    [' ', [4]],
    ['1/b', [5]],
    ['1', [6]],
  ]);
  expect(parts.every(({ place }) => place.totalBuckets === -1 && place.bucket === 0)).toBe(true);
  expect(new Set(parts.map(({ place }) => Buffer.from(place.partition).toString('hex'))).size).toBe(6);
});

test('a key is always in the bucket in which a scan looks for it', async () => {
  const rows = await rowTable({ options: { bucket: '5' } });
  await rows.write(numbered('x', -50, 100));
  for (let k = -50; k < 50; k += 7) expect(await rows.rows({ predicate: equals('k', k) })).toHaveLength(1);
});
