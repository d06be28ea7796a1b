/** Ways to say what a table is to be (columns, DDL, a schema file), each into the catalog's definition. */
import { invalid } from '../base/errors.ts';
import { isJsonObject, type JsonObject, parseJson, stringifyJson } from '../base/json.ts';
import { type Identifier, printIdentifier } from '../catalog/identifier.ts';
import type { TableDefinition } from '../catalog/table-definition.ts';
import { decodeSchema, type TableSchema } from '../format/table-schema.ts';
import { parseStatements } from '../sql/parser/parse-statement.ts';
import type { DataType } from '../types/data-type.ts';
import { typeName } from '../types/type-name.ts';
import type { Columns } from './column-types.ts';

export type TableSpec = {
  readonly columns: Columns;
  readonly primaryKey?: readonly string[] | undefined;
  readonly partitionBy?: readonly string[] | undefined;
  /** Paimon's table options, such as `bucket` and `write-only`. */
  readonly options?: Readonly<Record<string, string | number | boolean>> | undefined;
  readonly comment?: string | undefined;
};

export function definitionOfSpec(spec: TableSpec): TableDefinition {
  return {
    columns: Object.entries(spec.columns).map(([name, { type, comment }]) => ({ name, type, comment })),
    primaryKeys: spec.primaryKey ?? [],
    partitionKeys: spec.partitionBy ?? [],
    options: Object.fromEntries(Object.entries(spec.options ?? {}).map(([key, value]) => [key, String(value)])),
    comment: spec.comment,
  };
}

/**
 * The one `CREATE TABLE` statement of a text. It may leave the database out, but must not name another table.
 *
 * @throws LakeError `invalid` LAKE_SQL_SYNTAX, LAKE_BAD_DDL; `unsupported`
 */
export function definitionOfDdl(
  identifier: Identifier,
  ddl: string,
): TableDefinition & { readonly ifNotExists: boolean } {
  const [statement, ...more] = parseStatements(ddl);
  if (statement?.kind !== 'create-table' || more.length > 0) {
    throw invalid('LAKE_BAD_DDL', `${printIdentifier(identifier)}: the DDL must be one CREATE TABLE statement`);
  }
  const { database = identifier.database, table } = statement.name;
  if (database !== identifier.database || table !== identifier.table) {
    throw invalid('LAKE_BAD_DDL', `the DDL makes ${database}.${table}, not ${printIdentifier(identifier)}`);
  }
  const { columns, primaryKeys, partitionKeys, options, comment, ifNotExists } = statement;
  return { columns, primaryKeys, partitionKeys, options, comment, ifNotExists };
}

/**
 * A schema file of Paimon's, of which all but `fields` may be missing. Column ids are given anew, and the place of another table (option `path`) is left out.
 *
 * @throws LakeError `invalid` LAKE_BAD_SCHEMA_FILE
 */
export function definitionOfSchemaFile(bytes: Uint8Array, where: string): TableDefinition {
  const { fields, primaryKeys, partitionKeys, options, comment } = schemaOfFile(bytes, where);
  const { path: _, ...kept } = options;
  const columns = fields.map(({ name, type, description, defaultValue }) => ({
    name,
    type,
    comment: description,
    defaultValue,
  }));
  return { columns, primaryKeys, partitionKeys, options: kept, comment };
}

/** What somebody typed is wrong input, not a corrupt lake. What the definition does not need may be left out. */
function schemaOfFile(bytes: Uint8Array, where: string): TableSchema {
  try {
    const given = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (!isJsonObject(given)) throw new TypeError(`${where} is not an object`);
    return decodeSchema(new TextEncoder().encode(stringifyJson(completed(given))), where);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw invalid('LAKE_BAD_SCHEMA_FILE', `${where}: ${why.replace(`${where}: `, '')}`, { cause });
  }
}

function completed(given: JsonObject): JsonObject {
  const listed = given['fields'];
  const fields = Array.isArray(listed)
    ? listed.map((field, id) => (isJsonObject(field) ? { id, ...field } : field))
    : listed;
  const highestFieldId = Array.isArray(fields) ? fields.length - 1 : -1;
  return { version: 3, id: 0, highestFieldId, partitionKeys: [], primaryKeys: [], options: {}, ...given, fields };
}

/**
 * That a table has the columns a program was written for. It may have more.
 *
 * @throws LakeError `invalid` LAKE_SCHEMA_MISMATCH naming every difference
 */
export function checkColumns(
  label: string,
  schema: TableSchema,
  expected: { readonly columns: Columns; readonly primaryKey?: readonly string[] | undefined },
): void {
  const differences: string[] = [];
  for (const [name, { type }] of Object.entries(expected.columns)) {
    const field = schema.fields.find(candidate => candidate.name === name);
    const wanted = schema.primaryKeys.includes(name) ? { ...type, nullable: false } : type;
    if (field === undefined) differences.push(`it has no column ${name}`);
    else if (printed(field.type) !== printed(wanted)) {
      differences.push(`column ${name} is ${printed(field.type)}, expected ${printed(wanted)}`);
    }
  }
  const { primaryKey } = expected;
  if (primaryKey !== undefined && primaryKey.join() !== schema.primaryKeys.join()) {
    differences.push(`its primary key is (${schema.primaryKeys.join(', ')}), expected (${primaryKey.join(', ')})`);
  }
  if (differences.length === 0) return;
  throw invalid('LAKE_SCHEMA_MISMATCH', `table ${label} is not what was expected: ${differences.join('; ')}`);
}

function printed(type: DataType): string {
  return type.nullable ? typeName(type) : `${typeName(type)} NOT NULL`;
}
