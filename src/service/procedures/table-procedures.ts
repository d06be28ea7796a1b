/** Procedures about a table as a whole, and about all tables of databases, by Paimon's names. */
import { isLakeError } from '../../base/errors.ts';
import { deleteBranch, listBranches } from '../../catalog/branches.ts';
import { alterTable, listDatabases, listTables } from '../../catalog/catalog.ts';
import { copyTable } from '../../catalog/dynamic-options.ts';
import { expireChangelogs } from '../../maintenance/expire-changelogs.ts';
import { expireSnapshots } from '../../maintenance/expire-snapshots.ts';
import { removeMissingFiles } from '../../maintenance/remove-missing-files.ts';
import type { StatementResult } from '../../sql/context.ts';
import { Committer } from '../../table/commit/commit.ts';
import { rewriteFileIndexes } from '../../table/compact/rewrite-indexes.ts';
import { truncateTable } from '../../table/overwrite/remove-partitions.ts';
import { rescaleTable } from '../../table/overwrite/rescale.ts';
import { partitionSpecPredicate } from '../../table/partition-spec.ts';
import { readConsumers, unpin } from '../../table/pins.ts';
import { listTags } from '../../table/snapshots.ts';
import { deleteTag } from '../../table/tags/manage-tags.ts';
import type { Predicate } from '../../types/predicate.ts';
import { compactLakeTable } from '../compact-lake-table.ts';
import { settleLog } from '../settle-log.ts';
import { openLakeTable } from '../tables.ts';
import { type Call, optionsOf, type Procedure, patternOf, specOf, success, textRows } from './procedure.ts';

export const tableProcedures: readonly Procedure[] = [
  {
    name: 'alter_column_default_value',
    parameters: ['table', 'column', 'default_value'],
    async run(call) {
      const change = { kind: 'change-default', name: call.text('column'), value: call.text('default_value') } as const;
      await alterTable(call.parts, call.identifier(), [change]);
      return success();
    },
  },
  {
    name: 'rescale',
    parameters: ['table', 'bucket_num?', 'partition?', 'scan_parallelism?', 'sink_parallelism?'],
    run: rescale,
  },
  {
    name: 'remove_unexisting_files',
    parameters: ['table', 'dry_run?', 'parallelism?'],
    async run(call) {
      const table = await call.table();
      const isDryRun = call.optionalBoolean('dry_run') ?? false;
      const { keys, snapshotId } = await removeMissingFiles(table, { isDryRun, signal: call.signal });
      if (snapshotId !== undefined) call.parts.notices.notify(table.label);
      return textRows('result', keys);
    },
  },
  { name: 'rewrite_file_index', parameters: ['table', 'partitions?'], run: rewriteIndexes },
  { name: 'purge_files', parameters: ['table'], run: purge },
  {
    name: 'compact_database',
    parameters: [
      ...['including_databases?', 'mode?', 'including_tables?', 'excluding_tables?', 'table_options?'],
      ...['partition_idle_time?', 'compact_strategy?'],
    ],
    run: compactDatabase,
  },
];

async function rescale(call: Call): Promise<StatementResult> {
  const table = await call.table();
  const { bucket } = table.options;
  if (bucket <= 0) throw call.bad(`${table.label} has no fixed number of buckets`);
  const asked = call.optionalInteger('bucket_num');
  if (asked !== undefined && asked !== bucket) {
    throw call.bad(`the table has bucket = ${bucket}: ALTER TABLE … SET ('bucket' = '${asked}') first`);
  }
  const text = call.optionalText('partition');
  const spec = text === undefined ? {} : specOf(call, text);
  // Rows that wait for their partition's new buckets come when it has them.
  await settleLog(call.parts, table, { signal: call.signal, isOverwritten: true });
  const partitions = partitionSpecPredicate(table.schema, spec, table.label);
  await rescaleTable(table, { partitions, signal: call.signal });
  call.parts.notices.notify(table.label);
  return success();
}

async function rewriteIndexes(call: Call): Promise<StatementResult> {
  const table = await call.table();
  const specs = call.optionalText('partitions')?.split(';') ?? [];
  const children = specs
    .map(text => partitionSpecPredicate(table.schema, specOf(call, text), table.label))
    .filter(predicate => predicate !== undefined);
  const partitions: Predicate | undefined = children.length === 0 ? undefined : { kind: 'or', children };
  await using committer = new Committer(table);
  const { snapshotId } = await rewriteFileIndexes(table, committer, { partitions, signal: call.signal });
  if (snapshotId !== undefined) call.parts.notices.notify(table.label);
  return success();
}

/** Everything that holds data goes, and then the data; what was superseded less than an hour ago stays that long (R1). */
async function purge(call: Call): Promise<StatementResult> {
  const table = await call.table();
  await settleLog(call.parts, table, { signal: call.signal });
  for (const name of await listBranches(table)) await deleteBranch(table, name, { ifExists: true });
  for (const name of await listTags(table)) await deleteTag(table, name, { ifExists: true });
  for (const { consumerId } of await readConsumers(table)) await unpin(table, consumerId);
  await truncateTable(table, { signal: call.signal });
  call.parts.notices.notify(table.label);
  await expireChangelogs(table, { retention: 'all', signal: call.signal });
  await expireSnapshots(table, {
    retention: { retainedCountMin: 1, retainedCountMax: 1, retainedMs: 0 },
    signal: call.signal,
  });
  return success();
}

/** A line for each table: what came of it. */
async function compactDatabase(call: Call): Promise<StatementResult> {
  call.refuse('partition_idle_time');
  const mode = call.optionalText('mode') ?? 'divided';
  if (mode !== 'divided' && mode !== 'combined') throw call.bad('mode must be divided or combined');
  const strategy = call.optionalText('compact_strategy');
  if (strategy !== undefined && strategy !== 'full' && strategy !== 'minor') {
    throw call.bad('compact_strategy must be full or minor');
  }
  const databases = patternOf(call, 'including_databases');
  const [including, excluding] = [patternOf(call, 'including_tables'), patternOf(call, 'excluding_tables')];
  const options = optionsOf(call, 'table_options');
  const lines: string[] = [];
  for (const database of await listDatabases(call.parts)) {
    if (databases?.test(database) === false) continue;
    for (const table of await listTables(call.parts, database)) {
      const name = `${database}.${table}`;
      if (including?.test(name) === false || excluding?.test(name) === true) continue;
      call.signal?.throwIfAborted();
      lines.push(`${name}: ${await compactOne(call, name, { options, full: strategy !== 'minor' })}`);
    }
  }
  return textRows('result', lines);
}

async function compactOne(
  call: Call,
  name: string,
  { options, full }: { readonly options: Readonly<Record<string, string>>; readonly full: boolean },
): Promise<string> {
  try {
    const table = copyTable(await openLakeTable(call.parts, name), options);
    return (await compactLakeTable(table, { full, signal: call.signal })).status;
  } catch (error) {
    // One that can't be compacted must not keep the others from it.
    if (isLakeError(error) && (error.kind === 'unsupported' || error.kind === 'invalid')) return error.message;
    throw error;
  }
}
