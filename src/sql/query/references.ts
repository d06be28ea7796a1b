/**
 * What a query asks of the world: the tables it names, each where it names it, and that it asks for nothing else. Files,
 * settings, other catalogs and functions that reach outside are refused here by name; the engine would refuse them too.
 *
 * The walk knows scopes: a name that a WITH gives is no table below it.
 */
import { invalid, unsupported } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import { childrenOf, objectAt, objectsAt, textAt, textsAt } from './tree.ts';

/** A table where a query names it. */
export type TableReference = {
  /** '' where the query gives none: the current database. */
  readonly database: string;
  readonly table: string;
  /** The alias, or the table's name: what its columns are qualified with. */
  readonly as: string;
  /** `t(a, b)` or `TABLESAMPLE`: what the columns are called, or which rows there are, is another matter then. */
  readonly isPlain: boolean;
  /** The tree of this reference. */
  readonly tree: JsonObject;
};

/** Table functions that give rows out of their arguments only. */
const tableFunctions: ReadonlySet<string> = new Set([
  'range',
  'generate_series',
  'unnest',
  'repeat',
  'repeat_row',
  'json_each',
  'json_tree',
]);

/** Functions that tell of, or touch, the process instead of the rows. */
const refusedFunctions: ReadonlySet<string> = new Set([
  'getenv',
  'getvariable',
  'current_setting',
  'write_log',
  'sleep_ms',
  'pg_sleep',
  'setseed',
  'json_serialize_plan',
  'parse_duckdb_log_message',
  'nextval',
  'currval',
]);

const tableKinds: ReadonlySet<string> = new Set([
  'BASE_TABLE',
  'JOIN',
  'SUBQUERY',
  'TABLE_FUNCTION',
  'EXPRESSION_LIST',
  'EMPTY',
  'EMPTY_FROM',
  'SHOW_REF',
  'PIVOT',
]);

/** What the name of a file has, and a name that WITH gives must not: where DuckDB finds no such name it opens a file. */
const fileNamePattern = /[./\\:*?[\]\p{Cc}]/u;

/** Nesting of a query beyond which it is refused. */
const depthMax = 500;

/** @throws LakeError `unsupported` or `invalid` LAKE_SQL_DENIED, naming what is not let through */
export function tableReferences(query: JsonObject): readonly TableReference[] {
  const references: TableReference[] = [];
  visit(query, { names: new NamesGiven(), depth: 0 }, references);
  return references;
}

type Scope = { readonly names: NamesGiven; readonly depth: number };

/** Names given by WITH, folded, as often as they are known where the walk is. */
class NamesGiven {
  readonly #counts = new Map<string, number>();

  has(name: string): boolean {
    return this.#counts.has(name);
  }

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  remove(name: string): void {
    const count = this.#counts.get(name) ?? 0;
    if (count > 1) this.#counts.set(name, count - 1);
    else this.#counts.delete(name);
  }
}

function visit(tree: JsonObject, outer: Scope, found: TableReference[]): void {
  if (outer.depth > depthMax) throw unsupported(`a query nested deeper than ${depthMax}`, 'SQL');
  checkAllowed(tree);
  const { names } = outer;
  const scope = { names, depth: outer.depth + 1 };
  const given = withNames(tree, scope, found);
  if (tree['type'] === 'BASE_TABLE') {
    const reference = referenceOf(tree);
    const isOwn = reference.database === '' && names.has(foldedName(reference.table));
    if (!isOwn) found.push(reference);
  }
  const ctes = tree['cte_map'];
  for (const child of childrenOf(tree)) if (child !== ctes) visit(child, scope, found);
  for (const name of given) names.remove(name);
}

/**
 * Adds the names of a query's own WITH; each is known to those after it, and to itself when it recurs.
 *
 * @returns those added
 */
function withNames(tree: JsonObject, scope: Scope, found: TableReference[]): readonly string[] {
  const ctes = objectAt(tree, 'cte_map');
  const given: string[] = [];
  if (ctes === undefined) return given;
  for (const entry of objectsAt(ctes, 'map')) {
    const name = foldedName(textAt(entry, 'key'));
    if (fileNamePattern.test(name)) {
      throw invalid(
        'LAKE_SQL_DENIED',
        `SQL: WITH ${JSON.stringify(name.slice(0, 80))}: the name could be that of a file`,
      );
    }
    const value = objectAt(entry, 'value');
    const recurs = value !== undefined && isRecursive(value);
    if (recurs) scope.names.add(name);
    if (value !== undefined) visit(value, scope, found);
    if (!recurs) scope.names.add(name);
    given.push(name);
  }
  return given;
}

/** As DuckDB compares names: only A to Z have another case. JavaScript would take the Kelvin sign for a k. */
function foldedName(name: string): string {
  return name.replace(/[A-Z]/g, letter => letter.toLowerCase());
}

function isRecursive(cte: JsonObject): boolean {
  const node = objectAt(objectAt(cte, 'query') ?? {}, 'node');
  return node !== undefined && textAt(node, 'type') === 'RECURSIVE_CTE_NODE';
}

function referenceOf(tree: JsonObject): TableReference {
  const catalog = textAt(tree, 'catalog_name');
  const table = textAt(tree, 'table_name');
  const database = textAt(tree, 'schema_name');
  if (catalog !== '') {
    throw invalid('LAKE_BAD_NAME', `${catalog}.${database}.${table}: a table is named TABLE or DATABASE.TABLE`);
  }
  const alias = textAt(tree, 'alias');
  const isPlain = textsAt(tree, 'column_name_alias').length === 0 && objectAt(tree, 'sample') === undefined;
  return { database, table, as: alias === '' ? table : alias, isPlain, tree };
}

function checkAllowed(tree: JsonObject): void {
  const type = textAt(tree, 'type');
  if (tree['class'] === undefined && 'sample' in tree && 'alias' in tree && !tableKinds.has(type)) {
    throw unsupported(`${type} in FROM`, 'SQL');
  }
  switch (type) {
    case 'TABLE_FUNCTION':
      checkTableFunction(objectAt(tree, 'function'));
      break;
    case 'FUNCTION':
      checkFunction(tree);
      break;
    case 'SHOW_REF':
      if (objectAt(tree, 'query') === undefined) throw unsupported('SHOW inside a query', 'SQL');
      break;
    case 'BASE_TABLE':
      if (objectAt(tree, 'at_clause') !== undefined) {
        throw unsupported('AT (…) behind a table; write FOR SYSTEM_TIME AS OF or a hint', 'SQL');
      }
      break;
    default:
  }
}

function checkTableFunction(call: JsonObject | undefined): void {
  const name = call === undefined ? '' : textAt(call, 'function_name').toLowerCase();
  if (tableFunctions.has(name) && call !== undefined && textAt(call, 'schema') === '') return;
  throw invalid('LAKE_SQL_DENIED', `SQL: table function ${name} is not allowed; tables of the lake are named in FROM`);
}

function checkFunction(call: JsonObject): void {
  const name = textAt(call, 'function_name').toLowerCase();
  if (!refusedFunctions.has(name)) return;
  throw invalid('LAKE_SQL_DENIED', `SQL: function ${name} is not allowed`);
}

/** The tables joined in a FROM clause; undefined for what is not a table of the lake there (subqueries, functions). */
export function joinedTables(from: JsonObject | undefined): readonly (JsonObject | undefined)[] {
  if (from === undefined) return [];
  switch (textAt(from, 'type')) {
    case 'BASE_TABLE':
      return [from];
    case 'JOIN':
      return [...joinedTables(objectAt(from, 'left')), ...joinedTables(objectAt(from, 'right'))];
    case 'EMPTY':
    case 'EMPTY_FROM':
      return [];
    default:
      return [undefined];
  }
}

/** Every query inside a query, itself included: what has a SELECT list and a FROM of its own. */
export function* selectNodes(tree: JsonObject): Generator<JsonObject, void, undefined> {
  if (textAt(tree, 'type') === 'SELECT_NODE' && Array.isArray(tree['select_list'])) yield tree;
  for (const child of childrenOf(tree)) yield* selectNodes(child);
}
