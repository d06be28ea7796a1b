/** Rows, one after the other, into batches of columns. */
import { ColumnBuilder } from '../types/column-builder.ts';
import type { RowType } from '../types/data-type.ts';
import { makeRowBatch, type RowBatch } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';

export type GatheredRows = { readonly rows: RowBatch; readonly kinds: Int8Array };

const scalarBytes = 8;

export class RowGatherer {
  readonly #rowType: RowType;
  #builders: ColumnBuilder[];
  #kinds: number[] = [];
  #bytes = 0;

  constructor(rowType: RowType) {
    this.#rowType = rowType;
    this.#builders = rowType.fields.map(field => new ColumnBuilder(field.type));
  }

  get rowCount(): number {
    return this.#kinds.length;
  }

  /** About what the rows take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param row a checked scalar for each field · @param kind the row kind's byte */
  add(row: readonly Scalar[], kind: number): void {
    let index = 0;
    for (const builder of this.#builders) {
      const value = row[index] ?? null;
      builder.append(value);
      this.#bytes += typeof value === 'string' || value instanceof Uint8Array ? value.length : scalarBytes;
      index += 1;
    }
    this.#kinds.push(kind);
  }

  /** Everything gathered; the gatherer begins anew. */
  take(): GatheredRows {
    const columns = this.#builders.map(builder => builder.finish());
    const rows = makeRowBatch(this.#rowType, this.#kinds.length, columns);
    const kinds = Int8Array.from(this.#kinds);
    this.#builders = this.#rowType.fields.map(field => new ColumnBuilder(field.type));
    this.#kinds = [];
    this.#bytes = 0;
    return { rows, kinds };
  }
}
