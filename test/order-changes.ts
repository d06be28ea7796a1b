/**
 * The rows that cost is reckoned with: orders of a shop as their database tells its changes, about 200 bytes each as JSON.
 * Half of the changes are new orders, half change one of the last hundred thousand.
 */
import type { Random } from '../src/base/random.ts';
import type { ColumnDefinition } from '../src/catalog/table-definition.ts';
import { buildBatch } from '../src/types/column-builder.ts';
import { type DataType, lengthMax, type RowType } from '../src/types/data-type.ts';
import type { RowBatch } from '../src/types/row-batch.ts';
import type { Scalar } from '../src/types/scalar.ts';

const text: DataType = { kind: 'varchar', length: lengthMax, nullable: true };
const bigint: DataType = { kind: 'bigint', nullable: false };

export const orderColumns: readonly ColumnDefinition[] = [
  { name: 'id', type: bigint, comment: undefined },
  { name: 'customer', type: { ...bigint, nullable: true }, comment: undefined },
  { name: 'status', type: text, comment: undefined },
  { name: 'city', type: text, comment: undefined },
  { name: 'amount', type: { kind: 'double', nullable: true }, comment: undefined },
  { name: 'changed', type: { ...bigint, nullable: true }, comment: undefined },
  { name: 'token', type: text, comment: undefined },
  { name: 'note', type: text, comment: undefined },
];

const statuses = ['created', 'paid', 'packed', 'shipped', 'delivered', 'returned'];
const words = 'please leave the parcel with a neighbour ring twice gift wrap no invoice fragile call before'.split(' ');
const recentOrders = 100_000;

/** Changes without end, the same for the same random source. */
export class OrderChanges {
  readonly #random: Random;
  readonly #rowType: RowType;
  #orders = 0;

  constructor(random: Random, rowType: RowType) {
    this.#random = random;
    this.#rowType = rowType;
  }

  batch(rowCount: number, nowMs: number): RowBatch {
    return buildBatch(
      this.#rowType,
      Array.from({ length: rowCount }, () => this.#row(nowMs)),
    );
  }

  #row(nowMs: number): readonly Scalar[] {
    const isNew = this.#orders === 0 || this.#random.next() < 0.5;
    const id = isNew ? this.#orders : this.#orders - 1 - this.#below(Math.min(recentOrders, this.#orders));
    if (isNew) this.#orders += 1;
    const note = Array.from({ length: 4 + this.#below(6) }, () => words[this.#below(words.length)]).join(' ');
    return [
      BigInt(id),
      BigInt(this.#below(500_000)),
      statuses[this.#below(statuses.length)] ?? '',
      `city-${Math.floor(this.#random.next() ** 2 * 300)}`,
      this.#below(100_000) / 100,
      BigInt(nowMs + this.#below(1_000)),
      this.#random.uuid().slice(0, 23),
      note,
    ];
  }

  #below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }
}

/** Of the rows as a line of JSON each, the way that others are sent them. */
export function jsonBytesOf(batch: RowBatch, rows: readonly (readonly Scalar[])[]): number {
  const names = batch.rowType.fields.map(field => field.name);
  return rows.reduce((sum, row) => {
    const object = Object.fromEntries(names.map((name, index) => [name, jsonValue(row[index])]));
    return sum + Buffer.byteLength(JSON.stringify(object)) + 1;
  }, 0);
}

function jsonValue(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}
