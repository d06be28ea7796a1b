/** Rows of the ten wide columns, each told by its key and its turn, made column by column: a million takes a fraction of a second. */
import { present } from '../../src/base/assert.ts';
import type { TableSchema } from '../../src/format/table-schema.ts';
import { makeColumn } from '../../src/types/column-buffers.ts';
import { type Column, makeRowBatch, type RowBatch } from '../../src/types/row-batch.ts';

const textBytes = 16;

function mixed(id: number, salt: number): number {
  let x = Math.imul(id ^ Math.imul(salt, 0x9e3779b9), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 15), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Column b1 of a row. */
export function b1Of(id: number, turn: number): bigint {
  return BigInt(mixed(id, turn * 16 + 1));
}

/** A batch of these keys. */
export function keyedBatch({ fields }: Pick<TableSchema, 'fields'>, ids: Float64Array, turn: number): RowBatch {
  const columns = fields.map(({ name, type }, index): Column => {
    const random = (row: number): number => mixed(present(ids[row], 'id'), turn * 16 + index);
    switch (name) {
      case 'id':
        return makeColumn(type, ids.length, { values: BigInt64Array.from(ids, id => BigInt(id)) });
      case 'b1':
      case 'b2':
        return makeColumn(type, ids.length, { values: BigInt64Array.from(ids, (_, row) => BigInt(random(row))) });
      case 'b3':
        return makeColumn(type, ids.length, {
          values: BigInt64Array.from(ids, (id, row) => BigInt(id * 7 + (random(row) % 100))),
        });
      case 'd1':
        return makeColumn(type, ids.length, { values: Float64Array.from(ids, (_, row) => random(row) / 2 ** 32) });
      case 'd2':
        return makeColumn(type, ids.length, {
          values: Float64Array.from(ids, (_, row) => (random(row) % 1_000_000) / 100),
        });
      case 'ts':
        return makeColumn(type, ids.length, {
          values: BigInt64Array.from(ids, (_, row) => BigInt(1_700_000_000_000 + random(row))),
        });
      default:
        return makeColumn(type, ids.length, texts(name, ids.length, random));
    }
  });
  return makeRowBatch({ fields }, ids.length, columns);
}

/** s1: letters; s2: one of 1,000; s3: one of 100,000. */
function texts(
  name: string,
  length: number,
  random: (row: number) => number,
): { values: Uint8Array; valueOffsets: Int32Array } {
  const values = new Uint8Array(length * textBytes);
  for (let row = 0; row < length; row += 1) {
    let number = name === 's1' ? random(row) : random(row) % (name === 's2' ? 1_000 : 100_000);
    for (let at = (row + 1) * textBytes - 1; at >= row * textBytes; at -= 1) {
      values[at] = name === 's1' ? 97 + (number % 26) : 48 + (number % 10);
      number = name === 's1' ? (Math.imul(number, 1_664_525) + 1_013_904_223) >>> 0 : Math.floor(number / 10);
    }
  }
  return { values, valueOffsets: Int32Array.from({ length: length + 1 }, (_, row) => row * textBytes) };
}
