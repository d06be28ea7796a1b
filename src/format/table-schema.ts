import type { DataField } from '../types/data-type.ts';

/** One version of a table's schema, `schema/schema-{id}`. @see spec 2.1 */
export type TableSchema = {
  readonly version: number;
  readonly id: number;
  readonly fields: readonly DataField[];
  /** Highest field id ever given, dropped and nested ones included. */
  readonly highestFieldId: number;
  readonly partitionKeys: readonly string[];
  readonly primaryKeys: readonly string[];
  readonly options: Readonly<Record<string, string>>;
  readonly comment: string | undefined;
  readonly timeMillis: number;
  /** Keys we do not know, kept as they are; ours are `tidelake.…`. */
  readonly extra: Readonly<Record<string, string>>;
};
