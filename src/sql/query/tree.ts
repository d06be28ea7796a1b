/**
 * A query as DuckDB's own parser sees it (`json_serialize_sql`), and how to walk it. Only SELECT-like statements have
 * such a tree.
 */
import { invalid, unsupported } from '../../base/errors.ts';
import { type JsonObject, type JsonValue, parseJson } from '../../base/json.ts';
import type { SqlConnection } from '../connection.ts';

/** What the objects of a tree take beside its text, about: as a multiple of that. */
const objectsPerText = 8;

/**
 * The tree, which many may hold: one that was made before is given again.
 *
 * @throws LakeError LAKE_SQL_SYNTAX, LAKE_SQL_VALUE, or `unsupported` when it is no query
 */
export async function queryTree(connection: SqlConnection, sql: string): Promise<JsonObject> {
  const known = connection.trees.get(sql);
  if (known !== undefined) return known;
  const text = await connection.text('SELECT json_serialize_sql($1::VARCHAR)', sql);
  const tree = selectTree(parsedTree(text), sql);
  connection.trees.put(sql, tree, (sql.length + text.length) * objectsPerText);
  return tree;
}

function selectTree(answer: JsonValue, sql: string): JsonObject {
  if (!isObject(answer)) throw unsupported('this statement', 'SQL');
  if (answer['error'] !== false) {
    const message = textAt(answer, 'error_message');
    if (answer['error_type'] === 'not implemented')
      throw unsupported(`a statement that is no query (${message})`, 'SQL');
    throw invalid('LAKE_SQL_SYNTAX', `${message}${placeText(sql, answer['position'])}`);
  }
  const statements = listAt(answer, 'statements');
  const [statement] = statements;
  if (statements.length !== 1 || !isObject(statement)) throw unsupported('more than one statement at a time', 'SQL');
  const node = objectAt(statement, 'node');
  if (node === undefined) throw unsupported('this statement', 'SQL');
  return node;
}

/** What a DOUBLE cannot hold stands in the tree as Infinity, which is no JSON. */
function parsedTree(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch (cause) {
    throw invalid('LAKE_SQL_VALUE', 'a number of the query is larger than a DOUBLE can be', { cause });
  }
}

function placeText(sql: string, position: JsonValue | undefined): string {
  const at = Number(position);
  if (position === undefined || !Number.isSafeInteger(at)) return '';
  const before = sql.slice(0, at).split('\n');
  return ` (line ${before.length}, column ${(before.at(-1) ?? '').length + 1} of the query)`;
}

export function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** The text under a key; '' when there is none. */
export function textAt(tree: JsonObject, key: string): string {
  const value = tree[key];
  return typeof value === 'string' ? value : '';
}

export function objectAt(tree: JsonObject, key: string): JsonObject | undefined {
  const value = tree[key];
  return isObject(value) ? value : undefined;
}

export function listAt(tree: JsonObject, key: string): readonly JsonValue[] {
  const value = tree[key];
  return Array.isArray(value) ? value : [];
}

export function objectsAt(tree: JsonObject, key: string): readonly JsonObject[] {
  return listAt(tree, key).filter(isObject);
}

export function textsAt(tree: JsonObject, key: string): readonly string[] {
  return listAt(tree, key).filter(item => typeof item === 'string');
}

/** The objects right below a tree, through lists. A list, since these walks run before they are compiled and generators cost. */
export function childrenOf(tree: JsonObject): readonly JsonObject[] {
  const children: JsonObject[] = [];
  for (const key in tree) addObjects(tree[key], children);
  return children;
}

function addObjects(value: JsonValue | undefined, objects: JsonObject[]): void {
  if (isObject(value)) objects.push(value);
  else if (Array.isArray(value)) for (const item of value) addObjects(item, objects);
}

/** Names are the same whatever their case, as DuckDB has it. */
export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
