/**
 * Types of result columns that come straight from a table: DuckDB knows no CHAR(5) and no TIMESTAMP(3), the table does.
 * Only what is plain is told; undefined leaves the column to what DuckDB says.
 */
import type { JsonObject } from '../../base/json.ts';
import type { DataType } from '../../types/data-type.ts';
import { columnOf, type TableColumns } from './pushdown.ts';
import { joinedTables } from './references.ts';
import { listAt, objectAt, objectsAt, textAt } from './tree.ts';

export function resultTypes(query: JsonObject, tables: TableColumns): readonly (DataType | undefined)[] {
  if (textAt(query, 'type') !== 'SELECT_NODE') return [];
  const sources = joinedTables(objectAt(query, 'from_table'));
  const types: (DataType | undefined)[] = [];
  for (const item of objectsAt(query, 'select_list')) {
    if (textAt(item, 'type') !== 'STAR') {
      types.push(columnOf(item, { sources, tables })?.field.type);
      continue;
    }
    const fields = plainStar(item, sources, tables);
    // How many columns it stands for is not known, so nothing is known of those behind it.
    if (fields === undefined) return types;
    types.push(...fields);
  }
  return types;
}

/** `*` over one table stands for all its columns in order. */
function plainStar(
  star: JsonObject,
  sources: readonly (JsonObject | undefined)[],
  tables: TableColumns,
): readonly DataType[] | undefined {
  const [only] = sources;
  const changes = ['exclude_list', 'replace_list', 'rename_list', 'qualified_exclude_list'];
  const isPlain = star['columns'] === false && changes.every(key => listAt(star, key).length === 0);
  if (!isPlain || sources.length !== 1 || only === undefined) return undefined;
  return tables.get(only)?.map(field => field.type);
}
