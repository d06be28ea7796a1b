/**
 * Paimon's data types as plain values. Parsing from and printing to schema strings is `format/type-text.ts`;
 * the column that holds a type's values is described in `row-batch.ts`.
 *
 * @see Paimon 1.4.2 org.apache.paimon.types
 */
export type AtomicType =
  | { readonly kind: 'boolean'; readonly nullable: boolean }
  | { readonly kind: 'tinyint' | 'smallint' | 'int' | 'bigint'; readonly nullable: boolean }
  | { readonly kind: 'float' | 'double'; readonly nullable: boolean }
  /** precision 1..38, scale 0..precision */
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number; readonly nullable: boolean }
  /** length in characters (code points); STRING is varchar(2147483647) */
  | { readonly kind: 'char' | 'varchar'; readonly length: number; readonly nullable: boolean }
  /** length in bytes; BYTES is varbinary(2147483647) */
  | { readonly kind: 'binary' | 'varbinary'; readonly length: number; readonly nullable: boolean }
  | { readonly kind: 'date'; readonly nullable: boolean }
  /** precision 0..9 is a label only: values are whole milliseconds of the day */
  | { readonly kind: 'time'; readonly precision: number; readonly nullable: boolean }
  /** precision 0..9, digits of a second; `timestamp-ltz` is an instant, `timestamp` a wall clock without zone */
  | { readonly kind: 'timestamp' | 'timestamp-ltz'; readonly precision: number; readonly nullable: boolean };

export type NestedType =
  | { readonly kind: 'array' | 'multiset'; readonly element: DataType; readonly nullable: boolean }
  | { readonly kind: 'map'; readonly key: DataType; readonly value: DataType; readonly nullable: boolean }
  | { readonly kind: 'row'; readonly fields: readonly DataField[]; readonly nullable: boolean }
  | { readonly kind: 'vector'; readonly element: DataType; readonly length: number; readonly nullable: boolean }
  | { readonly kind: 'variant' | 'blob'; readonly nullable: boolean };

export type DataType = AtomicType | NestedType;

export type DataField = {
  /** Unique in the schema, nested fields included; never used again after a drop. */
  readonly id: number;
  readonly name: string;
  readonly type: DataType;
  readonly description: string | undefined;
  /** SQL literal that writers put in where the column is not given. */
  readonly defaultValue: string | undefined;
};

/** The columns of a batch, file or table, in order. */
export type RowType = { readonly fields: readonly DataField[] };

/** Longest CHAR, VARCHAR, BINARY, VARBINARY; as a length it means STRING and BYTES. */
export const lengthMax = 2_147_483_647;

export function isAtomic(type: DataType): type is AtomicType {
  switch (type.kind) {
    case 'array':
    case 'multiset':
    case 'map':
    case 'row':
    case 'vector':
    case 'variant':
    case 'blob':
      return false;
    default:
      return true;
  }
}

/** True when the type, or one of those it is made of at any depth, is such a type. */
export function someType(type: DataType, test: (type: DataType) => boolean): boolean {
  if (test(type)) return true;
  switch (type.kind) {
    case 'array':
    case 'multiset':
    case 'vector':
      return someType(type.element, test);
    case 'map':
      return someType(type.key, test) || someType(type.value, test);
    case 'row':
      return type.fields.some(field => someType(field.type, test));
    default:
      return false;
  }
}

export function fieldIndex(rowType: RowType, name: string): number {
  return rowType.fields.findIndex(field => field.name === name);
}

export function withNullable<T extends DataType>(type: T, nullable: boolean): T {
  return { ...type, nullable };
}
