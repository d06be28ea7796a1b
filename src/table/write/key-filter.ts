/**
 * A filter for a set of keys, from their columns: a list of values while there are few, else the first key column's range.
 * It lets more through than the keys, and leaves out files, row groups and partitions that surely have none. Pure.
 */
import { present } from '../../base/assert.ts';
import { type TableSchema, trimmedPrimaryKeys } from '../../format/table-schema.ts';
import { columnReader } from '../../types/column-reader.ts';
import { compareScalars } from '../../types/compare.ts';
import type { DataType } from '../../types/data-type.ts';
import type { Predicate } from '../../types/predicate.ts';
import { columnOf, type RowBatch } from '../../types/row-batch.ts';
import type { Scalar } from '../../types/scalar.ts';

/** Values of a column that are listed. */
const listedMax = 512;

export class KeyFilter {
  readonly #columns: readonly ColumnValues[];

  constructor(schema: TableSchema) {
    const [first] = trimmedPrimaryKeys(schema);
    this.#columns = schema.primaryKeys.flatMap(name => {
      const { type } = present(
        schema.fields.find(field => field.name === name),
        'key column',
      );
      // Zeros and NaN are more in a filter than in a key.
      if (type.kind === 'float' || type.kind === 'double') return [];
      return [new ColumnValues(name, type, { hasRange: name === first })];
    });
  }

  add(rows: RowBatch): void {
    for (const column of this.#columns) column.add(rows);
  }

  /** undefined: everything passes. */
  predicate(): Predicate | undefined {
    const children = this.#columns.flatMap(column => column.predicates());
    return children.length === 0 ? undefined : { kind: 'and', children };
  }
}

class ColumnValues {
  readonly #name: string;
  readonly #type: DataType;
  readonly #hasRange: boolean;
  /** undefined: there are too many. */
  #listed: Map<string, Scalar> | undefined = new Map();
  #min: Scalar = null;
  #max: Scalar = null;

  constructor(name: string, type: DataType, { hasRange }: { readonly hasRange: boolean }) {
    this.#name = name;
    this.#type = type;
    this.#hasRange = hasRange;
  }

  add(rows: RowBatch): void {
    if (this.#listed === undefined && !this.#hasRange) return;
    const read = columnReader(columnOf(rows, this.#name), this.#type);
    for (let row = 0; row < rows.rowCount; row += 1) this.#addValue(read(row));
  }

  #addValue(value: Scalar): void {
    if (value === null) return;
    if (this.#hasRange) {
      if (this.#min === null || compareScalars(this.#type, value, this.#min) < 0) this.#min = owned(value);
      if (this.#max === null || compareScalars(this.#type, value, this.#max) > 0) this.#max = owned(value);
    }
    this.#listed?.set(textOf(value), owned(value));
    if (this.#listed !== undefined && this.#listed.size > listedMax) this.#listed = undefined;
  }

  predicates(): readonly Predicate[] {
    const column = this.#name;
    if (this.#listed !== undefined) {
      return this.#listed.size === 0 ? [] : [{ kind: 'in', column, values: [...this.#listed.values()] }];
    }
    if (!this.#hasRange || this.#min === null || this.#max === null) return [];
    return [
      { kind: 'compare', op: '>=', column, value: this.#min },
      { kind: 'compare', op: '<=', column, value: this.#max },
    ];
  }
}

/** Not a view into a column. */
function owned(value: Scalar): Scalar {
  return value instanceof Uint8Array ? value.slice() : value;
}

function textOf(value: Scalar): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value);
}
