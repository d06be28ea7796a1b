/** A watch by the name of a table or by the text of a query, for doors that take texts. */
import { invalid } from '../../base/errors.ts';
import type { LakeParts } from '../lake-parts.ts';
import { withLogOf } from '../named-logs.ts';
import { openLakeTable } from '../tables.ts';
import { type QueryWatchRequest, type TableWatchRequest, watchLakeTable, watchQuery } from './watch.ts';
import type { WatchedParts } from './watched-part.ts';

export type NamedWatch = QueryWatchRequest &
  TableWatchRequest & {
    readonly sql?: string | undefined;
    readonly table?: string | undefined;
  };

export type OpenedWatch = {
  /** What tells rows apart; none: whole rows come and go. */
  readonly key: readonly string[];
  readonly parts: WatchedParts;
};

/** @throws LakeError `invalid` LAKE_BAD_WATCH: neither or both, or what belongs to the other */
export async function openWatch(parts: LakeParts, request: NamedWatch): Promise<OpenedWatch> {
  const { sql, table: name, key, where, columns, parameters } = request;
  if (sql !== undefined && name === undefined) {
    if (where !== undefined || columns !== undefined) throw badWatch('a query says where and which columns by itself');
    return { key: key ?? [], parts: watchQuery(parts, sql, request) };
  }
  if (name === undefined || sql !== undefined) throw badWatch('give one of a query and a table');
  if (key !== undefined || parameters !== undefined) throw badWatch('a table has its key, and takes no parameters');
  const table = await openLakeTable(parts, name);
  return { key: table.schema.primaryKeys, parts: watchLakeTable(await withLogOf(parts, table), table, request) };
}

function badWatch(why: string): Error {
  return invalid('LAKE_BAD_WATCH', `watch: ${why}`);
}
