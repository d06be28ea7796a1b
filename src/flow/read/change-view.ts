/**
 * What a reader of changes sees of them: columns, a filter, and which kinds, in the words of Paimon's table options
 * `log.changelog-mode` and `log.consistency` (RFC 0017).
 *
 * A filter over changes keeps a mirror right that has only the rows that pass. A row that leaves the filter is a delete in it. Where
 * changes tell what a row was, that is known; an upsert stream does not tell, so there each row that does not pass is a delete of its
 * key, which takes away what is perhaps not there. Conditions on the primary key alone never change for a row, so rows that fail
 * them are left out.
 */
import { LakeError } from '../../base/errors.ts';
import { wordOption } from '../../format/option-values.ts';
import { parseTableOptions } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { watermarkDefinition } from '../../format/watermark-options.ts';
import type { ChangeBatch, ChangeOptions } from '../../table/changelog/read-changes.ts';
import type { Table } from '../../table/table.ts';
import type { RowType } from '../../types/data-type.ts';
import { eventTimes } from '../../types/event-times.ts';
import { evaluatePredicate } from '../../types/filter.ts';
import { takeRows } from '../../types/gather.ts';
import type { Predicate } from '../../types/predicate.ts';
import { columnsOf, restrictTo } from '../../types/prune.ts';
import { projectBatch, type RowBatch } from '../../types/row-batch.ts';
import { isAdd, rowKindByte } from '../../types/row-kind.ts';

const changelogModes = ['auto', 'all', 'upsert'] as const;
const consistencies = ['transactional', 'eventual'] as const;

/** `all`: with what rows were; `upsert`: with what became of them; `auto`: as the table has it. */
export type ChangelogMode = (typeof changelogModes)[number];
/** `transactional`: what is committed; `eventual`: what the log has, too. */
export type Consistency = (typeof consistencies)[number];

export type ViewRequest = {
  /** All unless given. */
  readonly columns?: readonly string[] | undefined;
  readonly predicate?: Predicate | undefined;
  /** Of the table's option unless given. */
  readonly changelogMode?: ChangelogMode | undefined;
  /** Of the table's option unless given, and without that `eventual`. */
  readonly consistency?: Consistency | undefined;
};

export type ChangeView = {
  readonly consistency: Consistency;
  /** For reading the rows of a snapshot: what comes is what is seen. */
  readonly ofRows: Pick<ChangeOptions, 'columns' | 'predicate'>;
  /** For reading changes of snapshots: what comes is to go through `see`. */
  readonly ofChanges: Pick<ChangeOptions, 'columns' | 'predicate'>;
  /** A subscription follows the table's schema; columns that it was opened for may go. @throws LakeError `fenced` LAKE_SCHEMA_MISMATCH */
  readonly check: (rowType: RowType) => void;
  /** @param batch all columns, or those of `ofChanges` */
  readonly see: (batch: ChangeBatch) => SeenBatch;
};

/** `times`: of a table with a watermark, event times of the rows, whether or not their column is seen. */
export type SeenBatch = ChangeBatch & { readonly times: Float64Array | undefined };

/** What a filter does to a row of a kind. */
type Rule = 'filter' | 'before-and-after' | 'upsert';

/** @throws LakeError `unsupported` when the table does not have such changes; `invalid` LAKE_BAD_OPTION */
export function changeViewOf(table: Table, request: ViewRequest): ChangeView {
  const { schema, label } = table;
  const { predicate, columns } = request;
  const mode = request.changelogMode ?? wordOption(schema.options, 'log.changelog-mode', changelogModes) ?? 'auto';
  const consistency = request.consistency ?? wordOption(schema.options, 'log.consistency', consistencies) ?? 'eventual';
  const rule = ruleOf(schema);
  if (mode === 'all' && rule === 'upsert') {
    throw new LakeError(
      'unsupported',
      'LAKE_UNSUPPORTED',
      `${label}: log.changelog-mode=all needs changes that tell what rows were; set changelog-producer to input, lookup or full-compaction, or ask for upsert`,
    );
  }
  const onKeys = restrictTo(predicate, schema.primaryKeys);
  const filterColumns = predicate === undefined ? [] : [...columnsOf(predicate)];
  const eventColumn = watermarkDefinition(schema.options)?.column;
  const eventColumns = schema.fields.flatMap(({ name }) => (name === eventColumn ? [name] : []));
  const wanted = columns === undefined ? undefined : [...new Set([...columns, ...filterColumns, ...eventColumns])];
  const filter = predicate === undefined ? undefined : filterOf(rule, predicate, onKeys);
  const typesThen = new Map(schema.fields.map(({ name, type }) => [name, type.kind]));
  const check = ({ fields }: RowType): void => {
    const now = new Map(fields.map(({ name, type }) => [name, type.kind]));
    const gone = (columns ?? []).filter(name => !now.has(name));
    const other = filterColumns.filter(name => now.get(name) !== typesThen.get(name));
    if (gone.length + other.length > 0) throw schemaMismatch(label, [...new Set([...gone, ...other])]);
  };
  const dropsBefore = mode === 'upsert' && rule === 'before-and-after';
  return {
    consistency,
    ofRows: { columns, predicate },
    ofChanges: { columns: wanted, predicate: rule === 'filter' ? predicate : onKeys },
    check,
    see: batch => {
      check(batch.rows.rowType);
      const filtered = filter === undefined ? batch : filter(batch);
      const seen = dropsBefore ? withoutBefore(filtered) : filtered;
      const times = eventColumn === undefined ? undefined : eventTimes(seen.rows, eventColumn);
      return { rows: columns === undefined ? seen.rows : projectBatch(seen.rows, columns), kinds: seen.kinds, times };
    },
  };
}

function ruleOf(schema: TableSchema): Rule {
  if (schema.primaryKeys.length === 0) return 'filter';
  return parseTableOptions(schema).changelogProducer === 'none' ? 'upsert' : 'before-and-after';
}

type Filter = (batch: ChangeBatch) => ChangeBatch;

function filterOf(rule: Rule, predicate: Predicate, onKeys: Predicate | undefined): Filter {
  if (rule === 'filter') return batch => kept(batch, evaluatePredicate(predicate, batch.rows), batch.kinds);
  if (rule === 'before-and-after') return batch => pairsKept(batch, evaluatePredicate(predicate, batch.rows));
  return batch => {
    const passes = evaluatePredicate(predicate, batch.rows);
    const kinds = batch.kinds.map((kind, row) => (isAdd(kind) && passes[row] !== 1 ? rowKindByte['-D'] : kind));
    const keysPass = onKeys === undefined ? passes.map(() => 1) : evaluatePredicate(onKeys, batch.rows);
    return kept(batch, keysPass, kinds);
  };
}

/** Halves of an update of which the other does not pass, or is in another batch, stand for themselves. */
function pairsKept(batch: ChangeBatch, passes: Uint8Array): ChangeBatch {
  const isWhole = (before: number): boolean =>
    batch.kinds[before] === rowKindByte['-U'] &&
    batch.kinds[before + 1] === rowKindByte['+U'] &&
    passes[before] === 1 &&
    passes[before + 1] === 1;
  const kinds = batch.kinds.map((kind, row) => {
    if (kind === rowKindByte['-U']) return isWhole(row) ? kind : rowKindByte['-D'];
    if (kind === rowKindByte['+U']) return isWhole(row - 1) ? kind : rowKindByte['+I'];
    return kind;
  });
  return kept(batch, passes, kinds);
}

function withoutBefore(batch: ChangeBatch): ChangeBatch {
  const stays = Uint8Array.from(batch.kinds, kind => (kind === rowKindByte['-U'] ? 0 : 1));
  return kept(batch, stays, batch.kinds);
}

function kept({ rows }: ChangeBatch, stays: Uint8Array, kinds: Int8Array): ChangeBatch {
  if (stays.every(stay => stay === 1)) return { rows, kinds };
  const index = Uint32Array.from([...stays.keys()].filter(row => stays[row] === 1));
  return { rows: takeRows(rows, index), kinds: Int8Array.from(index, row => kinds[row] ?? 0) };
}

/** @throws LakeError `fenced` LAKE_SCHEMA_MISMATCH when a column has gone */
export function projectedChanges(
  { label }: Pick<Table, 'label'>,
  rows: RowBatch,
  columns: readonly string[],
): RowBatch {
  const gone = columns.filter(name => !rows.rowType.fields.some(field => field.name === name));
  if (gone.length === 0) return projectBatch(rows, columns);
  throw schemaMismatch(label, gone);
}

function schemaMismatch(label: string, names: readonly string[]): LakeError {
  const message = `${label} has no column ${names.join(', ')} any more, or one of another type; subscribe again with the columns it has`;
  return new LakeError('fenced', 'LAKE_SCHEMA_MISMATCH', message);
}
