/** The statements of the dialect as values. Queries stay text: DuckDB reads them. */
import type { ColumnPosition } from '../../catalog/schema-change.ts';
import type { PartitionSpec } from '../../table/partition-spec.ts';
import type { DataType } from '../../types/data-type.ts';

/** `t`, `db.t`, ``db.`t$snapshots` ``: one or two parts. */
export type TableName = { readonly database: string | undefined; readonly table: string };

export type ColumnClause = {
  readonly name: string;
  readonly type: DataType;
  readonly comment: string | undefined;
  /** `PRIMARY KEY NOT ENFORCED` behind the column. */
  readonly primaryKey: boolean;
};

export type Options = Readonly<Record<string, string>>;

export type CreateTable = {
  readonly kind: 'create-table';
  readonly name: TableName;
  readonly ifNotExists: boolean;
  readonly columns: readonly ColumnClause[];
  readonly primaryKeys: readonly string[];
  readonly partitionKeys: readonly string[];
  readonly options: Options;
  readonly comment: string | undefined;
};

/** `a.b.c`: a column and the steps to what is within it. */
export type ColumnPath = { readonly name: string; readonly path: readonly string[] };

export type AlterAction =
  | (ColumnPath & {
      readonly kind: 'add' | 'modify';
      /** Its name is the last of the path. */
      readonly column: ColumnClause;
      readonly position: ColumnPosition | undefined;
    })
  | (ColumnPath & { readonly kind: 'drop' })
  | (ColumnPath & { readonly kind: 'rename-column'; readonly newName: string })
  | { readonly kind: 'set'; readonly options: Options }
  | { readonly kind: 'reset'; readonly keys: readonly string[] };

export type Statement =
  | { readonly kind: 'create-database'; readonly database: string; readonly ifNotExists: boolean }
  | { readonly kind: 'drop-database'; readonly database: string; readonly ifExists: boolean; readonly cascade: boolean }
  | { readonly kind: 'use'; readonly database: string }
  | CreateTable
  | { readonly kind: 'drop-table'; readonly name: TableName; readonly ifExists: boolean }
  | { readonly kind: 'alter-table'; readonly name: TableName; readonly actions: readonly AlterAction[] }
  | { readonly kind: 'truncate'; readonly name: TableName }
  /** Rows are counted in any case, and these columns looked at. */
  | { readonly kind: 'analyze'; readonly name: TableName; readonly columns: readonly string[] | 'all' }
  | {
      readonly kind: 'drop-partitions';
      readonly name: TableName;
      readonly ifExists: boolean;
      readonly partitions: readonly PartitionSpec[];
    }
  | { readonly kind: 'call'; readonly procedure: string; readonly args: readonly CallArgument[] }
  | { readonly kind: 'show-databases' }
  | { readonly kind: 'show-tables'; readonly database: string | undefined }
  | { readonly kind: 'show-create-table'; readonly name: TableName }
  | { readonly kind: 'describe'; readonly name: TableName }
  | {
      readonly kind: 'insert';
      /** Whether the rows take the place of those there are. */
      readonly overwrite: boolean;
      readonly name: TableName;
      /** `PARTITION (k = v)`: values of these columns for every row. */
      readonly partition: PartitionSpec;
      /** Dynamic options behind the name. */
      readonly options: Options;
      /** undefined: all columns of the table, in order, but those of `partition` */
      readonly columns: readonly string[] | undefined;
      /** `VALUES …` or a query */
      readonly query: Query;
    }
  | {
      readonly kind: 'delete';
      readonly target: ChangeTarget;
      /** undefined: every row. */
      readonly where: Query | undefined;
    }
  | {
      readonly kind: 'update';
      readonly target: ChangeTarget;
      readonly sets: readonly Assignment[];
      readonly where: Query | undefined;
    }
  | MergeStatement
  | { readonly kind: 'query'; readonly query: Query };

/** The table whose rows are changed, and what expressions call it. */
export type ChangeTarget = { readonly name: TableName; readonly alias: string };

/** `column = value`; the value is an expression. */
export type Assignment = { readonly column: string; readonly value: Query };

export type MergeStatement = {
  readonly kind: 'merge';
  readonly target: ChangeTarget;
  /** As it stands behind FROM. */
  readonly source: Query;
  /** What expressions call the source; undefined: it has no name. */
  readonly sourceAlias: string | undefined;
  readonly on: Query;
  readonly clauses: readonly MergeClause[];
};

export type MergeClause =
  | { readonly kind: 'update'; readonly when: Query | undefined; readonly sets: readonly Assignment[] | 'all' }
  | { readonly kind: 'delete'; readonly when: Query | undefined }
  /** Of rows of the source that match none. `values` are as many as `columns`, or as the table has. */
  | {
      readonly kind: 'insert';
      readonly when: Query | undefined;
      readonly columns: readonly string[] | undefined;
      readonly values: readonly Query[] | 'all';
    };

/** Of a procedure. */
export type CallArgument = {
  /** undefined: by its place. */
  readonly name: string | undefined;
  readonly value: string | bigint | boolean | null;
};

/**
 * A query for DuckDB: its text with backquoted names in double quotes, and each table reference that carries a hint or
 * a point in time replaced by a name of its own, `tidelake_travel_N`.
 */
export type Query = { readonly sql: string; readonly travels: readonly TimeTravel[] };

export type TimeTravel = {
  /** The name that stands in the text. */
  readonly alias: string;
  readonly name: TableName;
  /** Dynamic options of the hint. */
  readonly options: Options;
  /** `FOR SYSTEM_TIME AS OF TIMESTAMP '…'`: the text of the timestamp. */
  readonly timestamp: string | undefined;
};
