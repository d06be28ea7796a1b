/**
 * DELETE, UPDATE and MERGE INTO as one query: a row for each change, with the place of the row that goes, what becomes of
 * it, and all columns of the table.
 */
import { invalid } from '../../base/errors.ts';
import { textOption } from '../../format/option-values.ts';
import type { Table } from '../../table/table.ts';
import { rowKindByte } from '../../types/row-kind.ts';
import type { Assignment, MergeClause, MergeStatement, Query, Statement } from '../parser/statement.ts';
import { quoteName } from '../quote.ts';
import { fileColumn, rowColumn } from './position-rows.ts';
import { defaultText } from './table-values.ts';

export type ChangeStatement = Statement & { readonly kind: 'delete' | 'update' | 'merge' };

/** What the table is called in the query. */
export const targetName = 'tidelake_target';
const sourceName = 'tidelake_source';

/** Columns before those of the table: file, row, kind, and how many changes the row has. */
export const changeColumnCount = 4;

/** @throws LakeError `invalid` LAKE_SQL_BINDER for columns that are not there, twice, or part of the key */
export function changeQuery(table: Table, statement: ChangeStatement): Query {
  switch (statement.kind) {
    case 'delete':
      return new ChangeText(table, statement.target.alias).deletion(statement.where);
    case 'update':
      return new ChangeText(table, statement.target.alias).update(statement.sets, statement.where);
    case 'merge':
      return new ChangeText(table, statement.target.alias).merge(statement);
  }
}

class ChangeText {
  readonly #table: Table;
  readonly #alias: string;
  readonly #isKeyed: boolean;

  constructor(table: Table, alias: string) {
    this.#table = table;
    this.#alias = quoteName(alias);
    this.#isKeyed = table.schema.primaryKeys.length > 0;
  }

  deletion(where: Query | undefined): Query {
    return queryOf(this.#changed('-D', this.#deleted(), whereText([where])), [where]);
  }

  update(sets: readonly Assignment[], where: Query | undefined): Query {
    return queryOf(this.#changed('+U', this.#set(sets, undefined), whereText([where])), [
      ...sets.map(({ value }) => value),
      where,
    ]);
  }

  merge(statement: MergeStatement): Query {
    const { source, sourceAlias, on, clauses } = statement;
    const from = sourceAlias === undefined ? sourceName : `${sourceName} AS ${quoteName(sourceAlias)}`;
    const matched = clauses.filter(clause => clause.kind !== 'insert');
    const inserts = clauses.filter(clause => clause.kind === 'insert');
    const changes = matched.map((clause, index) => {
      const conditions = whereText([clause.when], matched.slice(0, index));
      const columns =
        clause.kind === 'delete' ? this.#deleted() : this.#set(setsOf(this.#table, clause, sourceAlias), sourceAlias);
      const kind = clause.kind === 'delete' ? '-D' : '+U';
      return this.#changed(kind, columns, `JOIN ${from} ON (${on.sql}\n) ${conditions}`);
    });
    const parts: string[] = [];
    if (changes.length > 0) parts.push(this.#counted(changes.join('\nUNION ALL\n')));
    for (const [index, clause] of inserts.entries()) {
      const others = inserts.slice(0, index);
      const match = `NOT EXISTS (SELECT 1 FROM ${targetName} AS ${this.#alias} WHERE (${on.sql}\n))`;
      const conditions = [match, ...conditionsOf([clause.when], others)].join(' AND ');
      parts.push(
        `SELECT NULL, NULL, ${rowKindByte['+I']}, 1, ${this.#inserted(clause, sourceAlias).join(', ')} FROM ${from} WHERE ${conditions}`,
      );
    }
    const sql = `WITH ${sourceName} AS MATERIALIZED (SELECT * FROM ${source.sql}\n)\n${parts.join('\nUNION ALL\n')}`;
    const fragments = clauses.flatMap(clause => [clause.when, ...valuesOf(clause)]);
    return queryOf(sql, [source, on, ...fragments]);
  }

  #changed(kind: '-D' | '+U', columns: readonly string[], rest: string): string {
    const place = this.#isKeyed ? 'NULL, NULL' : `${this.#own(fileColumn)}, ${this.#own(rowColumn)}`;
    const from = `FROM ${targetName} AS ${this.#alias}`;
    return `SELECT ${place}, ${rowKindByte[kind]}, 1, ${columns.join(', ')} ${from} ${rest}`;
  }

  /** Rows with the number of changes that a row of the table has in all. */
  #counted(changes: string): string {
    const { fields, primaryKeys } = this.#table.schema;
    const names = ['f', 'r', 'k', 'n', ...fields.map((_, index) => `c${index}`)];
    const row = this.#isKeyed
      ? primaryKeys.map(key => `m.c${fields.findIndex(({ name }) => name === key)}`)
      : ['m.f', 'm.r'];
    const columns = fields.map((_, index) => `m.c${index}`).join(', ');
    return (
      `SELECT m.f, m.r, m.k, count(*) OVER (PARTITION BY ${row.join(', ')}), ${columns} ` +
      `FROM (${changes}\n) AS m(${names.join(', ')})`
    );
  }

  /**
   * A row that goes from a keyed table goes with all its values, but in the column of `rowkind.field`, which says what a
   * row does; of another only its place is asked.
   */
  #deleted(): readonly string[] {
    const { fields, options } = this.#table.schema;
    const kindColumn = textOption(options, 'rowkind.field');
    if (!this.#isKeyed) return fields.map(() => 'NULL');
    return fields.map(({ name }) => (name === kindColumn ? "'-D'" : this.#own(name)));
  }

  #set(sets: readonly Assignment[], sourceAlias: string | undefined): readonly string[] {
    const { label, schema } = this.#table;
    const byName = new Map<string, string>();
    for (const { column, value } of sets) {
      const field = schema.fields.find(({ name }) => name === column);
      if (field === undefined) throw this.#noColumn(column);
      if (byName.has(column)) throw invalid('LAKE_SQL_BINDER', `${label}: column \`${column}\` is set twice`);
      // MERGE … UPDATE SET * gives the key as well, which is the row's own.
      const isKey = schema.primaryKeys.includes(column);
      if (isKey && sourceAlias === undefined) {
        throw invalid('LAKE_SQL_BINDER', `${label}: column \`${column}\` of the primary key can't be updated`);
      }
      if (!isKey) byName.set(column, `(${value.sql}\n)`);
    }
    return schema.fields.map(({ name }) => byName.get(name) ?? this.#own(name));
  }

  #inserted(clause: MergeClause & { readonly kind: 'insert' }, sourceAlias: string | undefined): readonly string[] {
    const { fields } = this.#table.schema;
    if (clause.values === 'all') return fields.map(({ name }) => ofSource(this.#table, sourceAlias, name));
    const { values, columns = fields.map(({ name }) => name) } = clause;
    if (columns.length !== values.length) {
      throw invalid(
        'LAKE_SQL_BINDER',
        `MERGE INTO ${this.#table.label}: ${columns.length} columns and ${values.length} values`,
      );
    }
    const other = columns.find(column => !fields.some(({ name }) => name === column));
    if (other !== undefined) throw this.#noColumn(other);
    return fields.map(field => {
      const index = columns.indexOf(field.name);
      return index < 0 ? defaultText(field) : `(${values[index]?.sql}\n)`;
    });
  }

  #own(name: string): string {
    return `${this.#alias}.${quoteName(name)}`;
  }

  #noColumn(name: string): Error {
    const { label, schema } = this.#table;
    const known = schema.fields.map(field => field.name).join(', ');
    return invalid('LAKE_SQL_BINDER', `${label}: there is no column \`${name}\`; there are ${known}`);
  }
}

function setsOf(
  table: Table,
  clause: MergeClause & { readonly kind: 'update' },
  sourceAlias: string | undefined,
): readonly Assignment[] {
  if (clause.sets !== 'all') {
    const key = clause.sets.find(({ column }) => table.schema.primaryKeys.includes(column));
    if (key === undefined) return clause.sets;
    throw invalid(
      'LAKE_SQL_BINDER',
      `MERGE INTO ${table.label}: column \`${key.column}\` of the primary key can't be updated`,
    );
  }
  return table.schema.fields.map(({ name }) => ({
    column: name,
    value: { sql: ofSource(table, sourceAlias, name), travels: [] },
  }));
}

function ofSource({ label }: Table, sourceAlias: string | undefined, name: string): string {
  if (sourceAlias !== undefined) return `${quoteName(sourceAlias)}.${quoteName(name)}`;
  throw invalid('LAKE_SQL_BINDER', `MERGE INTO ${label}: give the source an alias, so that * can name its columns`);
}

function valuesOf(clause: MergeClause): readonly Query[] {
  if (clause.kind === 'update') return clause.sets === 'all' ? [] : clause.sets.map(({ value }) => value);
  return clause.kind === 'insert' && clause.values !== 'all' ? clause.values : [];
}

/** @param before clauses that come first where they hold */
function whereText(wanted: readonly (Query | undefined)[], before: readonly MergeClause[] = []): string {
  const conditions = conditionsOf(wanted, before);
  return conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
}

function conditionsOf(wanted: readonly (Query | undefined)[], before: readonly MergeClause[]): readonly string[] {
  return [
    ...wanted.flatMap(query => (query === undefined ? [] : [`(${query.sql}\n)`])),
    ...before.map(({ when }) => (when === undefined ? 'false' : `(${when.sql}\n) IS NOT TRUE`)),
  ];
}

function queryOf(sql: string, fragments: readonly (Query | undefined)[]): Query {
  return { sql, travels: fragments.flatMap(fragment => fragment?.travels ?? []) };
}
