/** Procedures about snapshots, files, partitions and consumers, by Paimon's names. */
import { LakeError, unsupported } from '../../base/errors.ts';
import { listTables } from '../../catalog/catalog.ts';
import { type SortOrder, sortStrategies } from '../../format/clustering-options.ts';
import { refusedDoneActions } from '../../format/done-actions.ts';
import type { RetentionOptions } from '../../format/retention-options.ts';
import { batchCommitIdentifier } from '../../format/snapshot.ts';
import { expireChangelogs } from '../../maintenance/expire-changelogs.ts';
import { expirePartitions, partitionExpiryOf } from '../../maintenance/expire-partitions.ts';
import { expireSnapshots } from '../../maintenance/expire-snapshots.ts';
import type { RunEnd } from '../../maintenance/receipt.ts';
import { removeOrphanFiles } from '../../maintenance/remove-orphan-files.ts';
import type { StatementResult } from '../../sql/context.ts';
import { changeSourceOf } from '../../table/changelog/change-source.ts';
import { commit } from '../../table/commit/commit.ts';
import { commitPlan, commitStop } from '../../table/commit/request.ts';
import { donePath, markDone } from '../../table/done-marks.ts';
import { dropPartitions } from '../../table/overwrite/remove-partitions.ts';
import { type PartitionSpec, partitionSpecValues, printPartitionSpec } from '../../table/partition-spec.ts';
import { pinChanges, readConsumers, unpin } from '../../table/pins.ts';
import type { Table } from '../../table/table.ts';
import { committedId } from '../../table/write/table-writer.ts';
import type { Scalar } from '../../types/scalar.ts';
import { compactLakeTable } from '../compact-lake-table.ts';
import { settleLog } from '../settle-log.ts';
import { openLakeTable } from '../tables.ts';
import { type Call, type Procedure, patternOf, specOf, success, textRows } from './procedure.ts';

export const maintenanceProcedures: readonly Procedure[] = [
  {
    name: 'expire_snapshots',
    parameters: ['table', 'retain_max?', 'retain_min?', 'older_than?', 'max_deletes?', 'options?'],
    run: expire,
  },
  {
    name: 'expire_changelogs',
    parameters: ['table', 'retain_max?', 'retain_min?', 'older_than?', 'max_deletes?', 'delete_all?'],
    run: expireChangelogsOf,
  },
  {
    name: 'remove_orphan_files',
    parameters: ['table', 'older_than?', 'dry_run?', 'parallelism?', 'mode?'],
    run: orphans,
  },
  {
    name: 'compact',
    parameters: [
      ...['table', 'partitions?', 'order_strategy?', 'order_by?', 'options?', 'where?', 'partition_idle_time?'],
      'compact_strategy?',
    ],
    run: compact,
  },
  {
    name: 'compact_manifest',
    parameters: ['table', 'options?'],
    async run(call) {
      await compactManifests(await call.table(), call.signal);
      return success();
    },
  },
];

export const partitionProcedures: readonly Procedure[] = [
  {
    name: 'drop_partition',
    parameters: ['table', 'partitions…'],
    async run(call) {
      const specs = [...call.rest, ...(call.optionalText('partitions')?.split(';') ?? [])].map(text =>
        specOf(call, text),
      );
      if (specs.length === 0) throw call.bad('name a partition, such as dt=2024-01-01');
      const table = await call.table();
      await settleLog(call.parts, table, { signal: call.signal });
      const { snapshotId } = await dropPartitions(table, specs, { ifExists: true, signal: call.signal });
      if (snapshotId !== undefined) call.parts.notices.notify(table.label);
      return success();
    },
  },
  {
    name: 'mark_partition_done',
    parameters: ['table', 'partitions'],
    async run(call) {
      const table = await call.table();
      const refused = refusedDoneActions(table.schema);
      if (refused.length > 0) throw unsupported(refused.join(', '), `mark_partition_done of ${table.label}`);
      const paths = call
        .text('partitions')
        .split(';')
        .map(text => donePath(table, leadingValues(call, table, specOf(call, text))));
      for (const path of paths) await markDone(table, path);
      return success();
    },
  },
  {
    name: 'expire_partitions',
    parameters: [
      ...[
        'table',
        'expiration_time?',
        'timestamp_formatter?',
        'timestamp_pattern?',
        'expire_strategy?',
        'max_expires?',
      ],
      'options?',
    ],
    async run(call) {
      const table = await call.table();
      const { names } = await expirePartitions(table, expiryOf(call, table), { signal: call.signal });
      return textRows('expired_partitions', names.length === 0 ? ['No expired partitions.'] : names);
    },
  },
];

export const consumerProcedures: readonly Procedure[] = [
  {
    name: 'reset_consumer',
    parameters: ['table', 'consumer_id', 'next_snapshot_id?'],
    async run(call) {
      const table = await call.table();
      const id = call.optionalInteger('next_snapshot_id');
      if (id === undefined) await unpin(table, call.text('consumer_id'));
      else if ((await pinChanges(table, call.text('consumer_id'), await changeSourceOf(table, id))) === 'expired') {
        throw new LakeError('invalid', 'LAKE_SNAPSHOT_EXPIRED', `snapshot ${id} of table ${table.label} has expired`);
      }
      return success();
    },
  },
  {
    name: 'clear_consumers',
    parameters: ['table', 'including_consumers?', 'excluding_consumers?'],
    async run(call) {
      const table = await call.table();
      const including = patternOf(call, 'including_consumers');
      const excluding = patternOf(call, 'excluding_consumers');
      for (const { consumerId } of await readConsumers(table)) {
        const isMeant = including?.test(consumerId) !== false && excluding?.test(consumerId) !== true;
        if (isMeant) await unpin(table, consumerId);
      }
      return success();
    },
  },
];

async function compact(call: Call): Promise<StatementResult> {
  call.refuse('partition_idle_time');
  const table = await call.table();
  const strategy = call.optionalText('compact_strategy') ?? (table.options.clustering === undefined ? 'full' : 'minor');
  if (strategy !== 'full' && strategy !== 'minor') throw call.bad('compact_strategy must be full or minor');
  const partitions = call.optionalText('partitions')?.split(';');
  await compactLakeTable(table, {
    full: strategy === 'full',
    sort: sortOrderOf(call),
    partitions: partitions?.map(text => specOf(call, text)),
    where: call.optionalText('where'),
    signal: call.signal,
  });
  return success();
}

function sortOrderOf(call: Call): SortOrder | undefined {
  const word = call.optionalText('order_strategy')?.toLowerCase() ?? 'none';
  const columns = call.optionalText('order_by')?.split(',');
  if (word === 'none') {
    if (columns !== undefined) throw call.bad('order_by needs an order_strategy');
    return undefined;
  }
  const strategy = sortStrategies.find(known => known === word);
  if (strategy === undefined) throw call.bad(`order_strategy must be none, ${sortStrategies.join(', ')}`);
  if (columns === undefined) throw call.bad('order_strategy needs order_by, columns with commas between them');
  return { strategy, columns: columns.map(name => name.trim()) };
}

/** An hour is the least that a superseded snapshot stays, and the two newest always do, whatever is asked (R1). */
async function expire(call: Call): Promise<StatementResult> {
  const receipt = await expireSnapshots(await call.table(), { retention: retentionOf(call), signal: call.signal });
  checkEnd(receipt);
  return textRows('result', [`${receipt.expiredCount}`]);
}

/** What is not asked is as the table's options say. */
async function expireChangelogsOf(call: Call): Promise<StatementResult> {
  const deletesAll = call.optionalBoolean('delete_all') ?? false;
  const retention = deletesAll ? 'all' : retentionOf(call);
  const receipt = await expireChangelogs(await call.table(), { retention, signal: call.signal });
  checkEnd(receipt);
  const answer = deletesAll ? 'Delete all separated changelogs success.' : `${receipt.expiredCount}`;
  return textRows('result', [answer]);
}

function retentionOf(call: Call): Partial<RetentionOptions> {
  const olderThanMs = call.optionalTime('older_than');
  const asked = {
    retainedCountMax: call.optionalInteger('retain_max'),
    retainedCountMin: call.optionalInteger('retain_min'),
    expireCountMax: call.optionalInteger('max_deletes'),
    retainedMs: olderThanMs === undefined ? undefined : Math.max(0, call.parts.clock.nowMs() - olderThanMs),
  };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
}

/** What is an orphan is told by the age of the table's own files, not by a time that is given (R4). */
async function orphans(call: Call): Promise<StatementResult> {
  call.refuse('older_than', 'mode');
  const { database, table } = call.identifier();
  const names = table === '*' ? await listTables(call.parts, database) : [table];
  const isDryRun = call.optionalBoolean('dry_run') ?? false;
  let fileCount = 0;
  let bytes = 0;
  for (const name of names) {
    const opened = await openLakeTable(call.parts, `${database}.${name}`);
    const receipt = await removeOrphanFiles(opened, { isDryRun, signal: call.signal });
    checkEnd(receipt);
    fileCount += receipt.removed.fileCount;
    bytes += receipt.removed.bytes;
  }
  return textRows('result', [`${fileCount}`, `${bytes}`]);
}

/** All that can be merged, into as few as there can be. */
async function compactManifests(table: Table, signal: AbortSignal | undefined): Promise<void> {
  const manifests = { ...table.options.manifests, fullCompactionBytes: 0, mergeCountMin: 1 };
  const eager: Table = { ...table, options: { ...table.options, manifests } };
  const outcome = await commit(eager, {
    commitUser: table.random.uuid(),
    commitIdentifier: batchCommitIdentifier,
    signal,
    plan: async ({ snapshot, schema }) => {
      if (snapshot === undefined) return commitStop('changed', 'there is no snapshot');
      return commitPlan({ kind: 'COMPACT', schemaId: schema.id });
    },
  });
  if (outcome.status !== 'changed') committedId(table, outcome);
}

function expiryOf(call: Call, table: Table): NonNullable<ReturnType<typeof partitionExpiryOf>> {
  const asked = {
    'partition.expiration-time': call.optionalText('expiration_time'),
    'partition.timestamp-formatter': call.optionalText('timestamp_formatter'),
    'partition.timestamp-pattern': call.optionalText('timestamp_pattern'),
    'partition.expiration-strategy': call.optionalText('expire_strategy'),
    'partition.expiration-max-num': call.optionalText('max_expires'),
  };
  const options = { ...table.schema.options };
  for (const [key, value] of Object.entries(asked)) if (value !== undefined) options[key] = value;
  const expiry = partitionExpiryOf({ ...table.schema, options });
  if (expiry !== undefined) return expiry;
  const why = table.schema.partitionKeys.length === 0 ? 'the table has no partitions' : 'expiration_time is missing';
  throw call.bad(why);
}

/** A partition, or all that share the first keys: a folder either way. */
function leadingValues(call: Call, { schema, label }: Table, spec: PartitionSpec): readonly Scalar[] {
  const values = partitionSpecValues(schema, spec, label);
  const leading = schema.partitionKeys.slice(0, values.size);
  if (leading.every(key => values.has(key))) return leading.map(key => values.get(key) ?? null);
  throw call.bad(
    `${printPartitionSpec(spec)} leaves out a key before others; the keys are ${schema.partitionKeys.join(', ')}`,
  );
}

function checkEnd(end: RunEnd): void {
  if (end.status === 'given-up') throw new LakeError('unavailable', end.code, end.cause);
}
