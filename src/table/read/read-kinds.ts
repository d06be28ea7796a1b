/**
 * Reads a plan with what each row is: an insert, the new state of an update, or a delete that no compaction has dropped
 * yet. Rows of one key are merged as in any read.
 */
import { trimmedPrimaryKeys } from '../../format/table-schema.ts';
import type { Section } from '../../lsm/compaction-plan.ts';
import { projectBatch, type RowBatch } from '../../types/row-batch.ts';
import { streamWhileSnapshotStays } from '../manifests.ts';
import type { ScanPlan } from '../scan/plan-scan.ts';
import type { Split } from '../scan/split.ts';
import type { Table } from '../table.ts';
import { wantedFields } from './column-mapping.ts';
import { readRows } from './read-file.ts';
import { mergedColumns, mergeSection, type ReadOptions, readBatchRowsMax } from './read-split.ts';

export type KindedBatch = {
  readonly rows: RowBatch;
  readonly kinds: Int8Array;
  /** Undefined for rows of append tables: all of a commit's are one. */
  readonly sequenceNumbers: BigInt64Array | undefined;
};

/**
 * All rows of a plan, in no particular order; they are not filtered.
 *
 * @param plan with a filter over keys and partitions at most: what another leaves out could be the newest row of a key
 * @throws LakeError LAKE_SNAPSHOT_EXPIRED when the snapshot and its files went away during the read
 */
export async function* readWithKinds(
  table: Table,
  plan: ScanPlan,
  options: ReadOptions = {},
): AsyncGenerator<KindedBatch, void, undefined> {
  const { schema, snapshot } = plan;
  const names = wantedFields(schema, options.columns).map(field => field.name);
  const isKeyed = schema.primaryKeys.length > 0;
  const batchRowsMax = options.batchRowsMax ?? readBatchRowsMax;
  for (const split of plan.splits) {
    const read = { names, batchRowsMax };
    const batches = isKeyed ? keyedBatches(table, plan, split, read) : appendBatches(table, plan, split, read);
    const safe = snapshot === undefined ? batches : streamWhileSnapshotStays(table, snapshot, batches);
    for await (const batch of safe) yield { ...batch, rows: projectBatch(batch.rows, names) };
  }
}

type Reading = { readonly names: readonly string[]; readonly batchRowsMax: number };

/** Kinds are in the files only, so all of them are read as for a merge. */
async function* keyedBatches(
  table: Table,
  { schema }: ScanPlan,
  split: Split,
  { names, batchRowsMax }: Reading,
): AsyncGenerator<KindedBatch, void, undefined> {
  const fields = wantedFields(schema, mergedColumns(schema, [...trimmedPrimaryKeys(schema), ...names]));
  const read = { schema, wanted: { fields }, prune: undefined, batchRowsMax, dropDeletes: false };
  for (const section of sectionsOf(split)) yield* mergeSection(table, split, section, read);
}

function sectionsOf({ work }: Split): readonly Section[] {
  return work.kind === 'merge' ? work.sections : work.files.map(file => [[file]]);
}

async function* appendBatches(
  table: Table,
  { schema }: ScanPlan,
  split: Split,
  { names, batchRowsMax }: Reading,
): AsyncGenerator<KindedBatch, void, undefined> {
  const read = { schema, wanted: { fields: wantedFields(schema, names) }, prune: undefined, batchRowsMax };
  for (const file of sectionsOf(split).flat(2)) {
    for await (const rows of readRows(table, split, file, read)) {
      yield { rows, kinds: new Int8Array(rows.rowCount), sequenceNumbers: undefined };
    }
  }
}
