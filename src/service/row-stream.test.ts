import { expect, test } from 'vitest';
import { buildBatch } from '../types/column-builder.ts';
import type { RowType } from '../types/data-type.ts';
import type { RowBatch } from '../types/row-batch.ts';
import { eachRow, type OpenedRows, rowArrays } from './row-stream.ts';

const rowType: RowType = {
  fields: [
    { id: 0, name: 'n', type: { kind: 'int', nullable: true }, description: undefined, defaultValue: undefined },
  ],
};

function batchOf(...numbers: readonly number[]): RowBatch {
  return buildBatch(
    rowType,
    numbers.map(n => [n]),
  );
}

/** Tells what becomes of it. */
function source(batches: readonly RowBatch[], failure?: Error) {
  const seen = { opened: 0, handedOn: 0, closed: 0 };
  const open = async (): Promise<OpenedRows> => {
    seen.opened += 1;
    const read = async function* (): AsyncGenerator<RowBatch, void, undefined> {
      try {
        for (const batch of batches) {
          seen.handedOn += 1;
          yield batch;
        }
        if (failure !== undefined) throw failure;
      } finally {
        seen.closed += 1;
      }
    };
    return { rowType, batches: read() };
  };
  return { seen, open };
}

test('rows come one after the other, over empty batches too, and nothing is opened before the first', async () => {
  const { seen, open } = source([batchOf(1, 2), batchOf(), batchOf(3)]);
  const rows = eachRow(open);
  expect(seen.opened).toBe(0);
  const found: object[] = [];
  for await (const row of rows) found.push(row);
  expect(found).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  expect(seen).toEqual({ opened: 1, handedOn: 3, closed: 1 });
  expect(await rows.next()).toEqual({ done: true, value: undefined });
});

test('a reader that leaves early ends the read, and gets no more rows', async () => {
  const { seen, open } = source([batchOf(1, 2), batchOf(3)]);
  const rows = eachRow(open);
  for await (const row of rows) {
    expect(row).toEqual({ n: 1 });
    break;
  }
  expect(seen).toEqual({ opened: 1, handedOn: 1, closed: 1 });
  expect(await rows.next()).toEqual({ done: true, value: undefined });
  expect(await rows.return()).toEqual({ done: true, value: undefined });
  expect(seen.closed).toBe(1);
});

test('one that ends before it began opens nothing', async () => {
  const { seen, open } = source([batchOf(1)]);
  const rows = eachRow(open);
  await rows.return();
  expect(await rows.next()).toEqual({ done: true, value: undefined });
  expect(seen.opened).toBe(0);
});

test('a failure of the read comes behind the rows before it, once', async () => {
  const { open } = source([batchOf(1)], new Error('gone'));
  const rows = eachRow(open);
  expect(await rows.next()).toEqual({ done: false, value: { n: 1 } });
  await expect(rows.next()).rejects.toThrow('gone');
  expect(await rows.next()).toEqual({ done: true, value: undefined });
});

test('rows that are asked for at one time come in their order', async () => {
  const { open } = source([batchOf(1, 2), batchOf(3)]);
  const rows = eachRow(open);
  const asked = Array.from({ length: 5 }, () => rows.next());
  const found = await Promise.all(asked);
  expect(found.map(({ value }) => value)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }, undefined, undefined]);
});

test('rows come in arrays of at most 2,048, none empty, and who leaves early ends the read', async () => {
  const numbers = Array.from({ length: 5_000 }, (_, n) => n);
  const { seen, open } = source([batchOf(...numbers), batchOf(), batchOf(7)]);
  const arrays: object[][] = [];
  for await (const rows of rowArrays(await open())) arrays.push(rows);
  expect(arrays.map(rows => rows.length)).toEqual([2_048, 2_048, 904, 1]);
  expect(arrays.flat()).toEqual([...numbers, 7].map(n => ({ n })));
  expect(seen.closed).toBe(1);
  for await (const rows of rowArrays(await open())) {
    expect(rows).toHaveLength(2_048);
    break;
  }
  expect(seen.closed).toBe(2);
});
