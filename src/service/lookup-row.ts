/** Finds one row by its primary key. Manifests, files and row groups that can not hold the key are not read. */
import { invalid } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { unionRead } from '../flow/read/union-read.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { fieldsNamed, type TableSchema } from '../format/table-schema.ts';
import { readPlan } from '../table/read/read-split.ts';
import { planScan } from '../table/scan/plan-scan.ts';
import { namesState } from '../table/scan/scan-state.ts';
import { readNewest } from '../table/seen-head.ts';
import type { Table } from '../table/table.ts';
import { parseCanonicalRow } from '../types/canonical-json.ts';
import type { RowType } from '../types/data-type.ts';
import type { Predicate } from '../types/predicate.ts';
import { type RowBatch, sliceBatch } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';
import { type UserRow, userRowToScalars } from '../types/user-row.ts';
import { type LakeParts, logOf } from './lake-parts.ts';
import { withLogOf } from './named-logs.ts';
import { isNamed, type ReadPoint, readStateOf } from './read-point.ts';

export type LookupRequest = ReadPoint & {
  readonly columns?: readonly string[] | undefined;
  /** With what the log has beyond the newest snapshot. */
  readonly union?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * @param key values of the primary key's columns, in their order
 * @returns a batch of that one row; undefined: there is none
 */
export async function lookupRow(
  parts: LakeParts,
  table: Table,
  key: readonly Scalar[],
  request: LookupRequest = {},
): Promise<RowBatch | undefined> {
  const predicate = keyPredicate(table, key);
  const { columns, signal } = request;
  if (request.union === true) {
    const log = logOf(await withLogOf(parts, table), 'a union read');
    return firstRow(unionRead({ log, store: parts.store }, table, { columns, predicate, signal }));
  }
  const found = async (snapshot: Snapshot | undefined, schema: TableSchema): Promise<RowBatch | undefined> => {
    signal?.throwIfAborted();
    return firstRow(readPlan(table, await planScan(table, snapshot, { schema, predicate }), { columns }));
  };
  if (!isNamed(request) && !namesState(table.schema.options)) {
    return readNewest(table, snapshot => found(snapshot, table.schema));
  }
  const { snapshot, schema } = await readStateOf(table, request);
  return found(snapshot, schema);
}

/** @throws LakeError `invalid` LAKE_BAD_KEY, LAKE_BAD_VALUE, LAKE_NO_PRIMARY_KEY */
export function keyOfUser(table: Table, key: UserRow): readonly Scalar[] {
  const rowType = keyType(table, Object.keys(key));
  return userRowToScalars(rowType, key);
}

/** @param key an object of canonical JSON · @throws LakeError as `keyOfUser` */
export function keyOfJson(table: Table, key: JsonObject): readonly Scalar[] {
  const rowType = keyType(table, Object.keys(key));
  return parseCanonicalRow(rowType, key);
}

function keyType(table: Table, given: readonly string[]): RowType {
  const { primaryKeys } = table.schema;
  if (primaryKeys.length === 0) {
    throw invalid('LAKE_NO_PRIMARY_KEY', `table ${table.label} has no primary key to look a row up by`);
  }
  const missing = primaryKeys.filter(name => !given.includes(name));
  const superfluous = given.filter(name => !primaryKeys.includes(name));
  if (missing.length + superfluous.length > 0) {
    const wanted = primaryKeys.join(', ');
    throw invalid('LAKE_BAD_KEY', `a key of ${table.label} has the columns ${wanted}, given were ${given.join(', ')}`);
  }
  return { fields: fieldsNamed(table.schema, primaryKeys) };
}

function keyPredicate(table: Table, key: readonly Scalar[]): Predicate {
  const children = table.schema.primaryKeys.map(
    (column, index): Predicate => ({ kind: 'compare', op: '=', column, value: key[index] ?? null }),
  );
  return { kind: 'and', children };
}

async function firstRow(batches: AsyncIterable<RowBatch>): Promise<RowBatch | undefined> {
  for await (const batch of batches) return sliceBatch(batch, 0, 1);
  return undefined;
}
