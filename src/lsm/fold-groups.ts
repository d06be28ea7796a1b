/**
 * The merge of partial-update and aggregation: one row for each group, made column by column of the steps that
 * fold-steps.ts decided. Columns whose result is always one of their values are picked (fold-picks.ts), the others are
 * computed (fold-values.ts).
 */
import { present } from '../base/assert.ts';
import type { ColumnAggregate } from '../format/aggregate-options.ts';
import type { MergeEngine } from '../format/merge-options.ts';
import type { DataField } from '../types/data-type.ts';
import { gatherColumn } from '../types/gather.ts';
import { type Column, type KeyValueBatch, makeRowBatch, nullColumn } from '../types/row-batch.ts';
import { foldPicks } from './fold-picks.ts';
import { type FoldOptions, type FoldPlan, planFold, type Steps } from './fold-steps.ts';
import { foldValues } from './fold-values.ts';
import { entriesAt, type RowGroups, sequencesOf } from './row-groups.ts';

/** A column's values of all sources, and what is done with them. */
export type ColumnFold = {
  readonly groups: RowGroups;
  readonly field: DataField;
  /** The column of each source. */
  readonly columns: readonly Column[];
  readonly steps: Steps;
};

export function foldGroups(
  groups: RowGroups,
  engine: MergeEngine & { readonly kind: 'aggregation' | 'partial-update' },
  options: FoldOptions,
): KeyValueBatch {
  const plan = planFold(groups, engine, options);
  const { rowType } = present(groups.sources[0], 'a batch to merge').rows;
  const columns = rowType.fields.map((field, index): Column => {
    const fold = {
      groups,
      field,
      columns: groups.sources.map(source => present(source.rows.columns[index], 'column')),
      steps: plan.stepsOf(field.name),
    };
    return foldColumn(fold, engine.aggregates.get(field.name));
  });
  return {
    rows: makeRowBatch(rowType, plan.kinds.length, columns),
    sequenceNumbers: sequencesOfRows(groups, plan),
    kinds: plan.kinds,
  };
}

function foldColumn(fold: ColumnFold, aggregate: ColumnAggregate | undefined): Column {
  switch (aggregate?.name) {
    case 'sum':
    case 'product':
    case 'bool_and':
    case 'bool_or':
    case 'listagg':
    case 'collect':
    case 'merge_map':
    case 'merge_map_with_keytime':
    case 'nested_update':
    case 'nested_partial_update':
    case 'rbm32':
    case 'rbm64':
      return foldValues(fold, aggregate);
    case undefined:
    case 'max':
    case 'min':
    case 'last_value':
    case 'last_non_null_value':
    case 'first_value':
    case 'first_non_null_value':
      return valuesAt(fold, foldPicks(fold, aggregate));
  }
}

/** The values of these entries, null where it is -1. */
function valuesAt({ groups, field, columns }: ColumnFold, entries: Int32Array): Column {
  const { sourceIndex, rowIndex } = groups;
  const batches = new Uint32Array(entries.length);
  const rows = new Uint32Array(entries.length);
  for (let i = 0; i < entries.length; i += 1) {
    const entry = entries[i] ?? -1;
    batches[i] = entry < 0 ? columns.length : (sourceIndex[entry] ?? 0);
    rows[i] = entry < 0 ? 0 : (rowIndex[entry] ?? 0);
  }
  const sources = entries.includes(-1) ? [...columns, nullColumn(field.type, 1)] : columns;
  return gatherColumn(sources, field.type, batches, rows);
}

function sequencesOfRows(groups: RowGroups, { lastEntries }: FoldPlan): BigInt64Array {
  const places = Uint32Array.from(lastEntries, entry => Math.max(entry, 0));
  const sequences = sequencesOf(entriesAt(groups, places));
  for (const [row, entry] of lastEntries.entries()) if (entry < 0) sequences[row] = 0n;
  return sequences;
}
