/** Procedures about tags, branches and going back, by Paimon's names. */

import { invalid } from '../../base/errors.ts';
import { createBranch, deleteBranch, renameBranch } from '../../catalog/branches.ts';
import { maintainTags } from '../../maintenance/maintain-tags.ts';
import type { StatementResult } from '../../sql/context.ts';
import { listSnapshots, listTags } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { expireTags } from '../../table/tags/expire-tags.ts';
import {
  createTag,
  deleteTag,
  renameTag,
  replaceTag,
  storedTags,
  type TagOptions,
} from '../../table/tags/manage-tags.ts';
import { fastForwardLakeTable, type RollbackPoint, rollbackLakeTable } from '../restore-lake-table.ts';
import { type Call, numberRow, type Procedure, success, tagRow, textRows } from './procedure.ts';

export const tagProcedures: readonly Procedure[] = [
  {
    name: 'create_tag',
    parameters: ['table', 'tag', 'snapshot_id?', 'time_retained?'],
    async run(call) {
      await createTag(await call.table(), call.text('tag'), tagOptions(call));
      return success();
    },
  },
  {
    name: 'replace_tag',
    parameters: ['table', 'tag', 'snapshot_id?', 'time_retained?'],
    async run(call) {
      await replaceTag(await call.table(), call.text('tag'), tagOptions(call));
      return success();
    },
  },
  { name: 'create_tag_from_timestamp', parameters: ['table', 'tag', 'timestamp', 'time_retained?'], run: tagFromTime },
  {
    name: 'create_tag_from_watermark',
    parameters: ['table', 'tag', 'watermark', 'time_retained?'],
    run: tagFromWatermark,
  },
  {
    name: 'delete_tag',
    parameters: ['table', 'tag'],
    async run(call) {
      const table = await call.table();
      for (const name of namesOf(call.text('tag'))) await deleteTag(table, name, { ifExists: true });
      return success();
    },
  },
  {
    name: 'rename_tag',
    parameters: ['table', 'tagName', 'targetTagName'],
    async run(call) {
      await renameTag(await call.table(), call.text('tagName'), call.text('targetTagName'));
      return success();
    },
  },
  {
    name: 'expire_tags',
    parameters: ['table', 'older_than?'],
    async run(call) {
      const expired = await expireTags(await call.table(), { olderThanMs: call.optionalTime('older_than') });
      return textRows('expired_tags', expired.length === 0 ? ['No expired tags.'] : expired);
    },
  },
  {
    name: 'trigger_tag_automatic_creation',
    parameters: ['table'],
    async run(call) {
      const receipt = await maintainTags(await call.table());
      if (receipt.status === 'given-up') throw invalid(receipt.code, receipt.cause);
      return textRows('created_tags', receipt.created);
    },
  },
];

export const branchProcedures: readonly Procedure[] = [
  {
    name: 'create_branch',
    parameters: ['table', 'branch', 'tag?', 'ignoreIfExists?'],
    async run(call) {
      const ifNotExists = call.optionalBoolean('ignoreIfExists');
      await createBranch(await call.table(), call.text('branch'), { tag: call.optionalText('tag'), ifNotExists });
      return success();
    },
  },
  {
    name: 'delete_branch',
    parameters: ['table', 'branch'],
    async run(call) {
      const table = await call.table();
      for (const name of namesOf(call.text('branch'))) await deleteBranch(table, name);
      return success();
    },
  },
  {
    name: 'rename_branch',
    parameters: ['table', 'from_branch', 'to_branch'],
    async run(call) {
      await renameBranch(await call.table(), call.text('from_branch'), call.text('to_branch'));
      return success();
    },
  },
  {
    name: 'fast_forward',
    parameters: ['table', 'branch'],
    async run(call) {
      await fastForwardLakeTable(call.parts, await call.table(), call.text('branch'), call.signal);
      return success();
    },
  },
];

export const rollbackProcedures: readonly Procedure[] = [
  { name: 'rollback_to', parameters: ['table', 'tag?', 'snapshot_id?'], run: rollBack },
  {
    name: 'rollback_to_timestamp',
    parameters: ['table', 'timestamp'],
    run: async call =>
      rolledBack(call, await call.table(), { timestamp: new Date(call.optionalInteger('timestamp') ?? 0) }),
  },
  { name: 'rollback_to_watermark', parameters: ['table', 'watermark'], run: rollBackToWatermark },
  { name: 'rollback', parameters: ['table', 'version?', 'snapshot?', 'tag?'], run: rollBackAsSpark },
];

/** By place, the second argument is a tag or, as Paimon's documents have it, a snapshot's number. */
async function rollBack(call: Call): Promise<StatementResult> {
  const table = await call.table();
  const tag = call.optionalText('tag');
  const given = call.optionalInteger('snapshot_id');
  if ((tag === undefined) === (given === undefined)) throw call.bad('give a tag or a snapshot_id');
  const isNumber = tag !== undefined && /^\d{1,15}$/.test(tag) && !(await listTags(table)).includes(tag);
  const point = tag === undefined || isNumber ? ({ snapshotId: given ?? Number(tag) } as const) : ({ tag } as const);
  return rolledBack(call, table, point);
}

/** Spark's: a version is a snapshot's number, or else a tag. */
async function rollBackAsSpark(call: Call): Promise<StatementResult> {
  const version = call.optionalText('version');
  const given = [version, call.optionalText('snapshot'), call.optionalText('tag')].filter(value => value !== undefined);
  if (given.length !== 1) throw call.bad('give one of version, snapshot and tag');
  const isNumber = version !== undefined && /^\d{1,15}$/.test(version);
  const snapshotId = isNumber ? Number(version) : call.optionalInteger('snapshot');
  const tag = call.optionalText('tag') ?? version ?? '';
  return rolledBack(call, await call.table(), snapshotId === undefined ? { tag } : { snapshotId });
}

/** The first snapshot at or after the time, be it one that only a tag has still. */
async function tagFromTime(call: Call): Promise<StatementResult> {
  const table = await call.table();
  const timeMs = call.optionalInteger('timestamp') ?? 0;
  const known = [...(await storedTags(table)).map(({ snapshot }) => snapshot), ...(await listSnapshots(table))];
  const [first] = known.filter(({ timeMillis }) => timeMillis >= timeMs).toSorted((a, b) => a.id - b.id);
  if (first === undefined) {
    throw invalid('LAKE_SNAPSHOT_NOT_FOUND', `table ${table.label} has no snapshot at or after ${timeMs} ms`);
  }
  await createTag(table, call.text('tag'), {
    snapshotId: first.id,
    retainedMs: call.optionalDuration('time_retained'),
  });
  return tagRow(call.text('tag'), first);
}

/** The first snapshot whose watermark has come to this, be it one that only a tag has still. */
async function tagFromWatermark(call: Call): Promise<StatementResult> {
  const table = await call.table();
  const watermark = BigInt(call.optionalInteger('watermark') ?? 0);
  const known = [...(await storedTags(table)).map(({ snapshot }) => snapshot), ...(await listSnapshots(table))];
  const [first] = known
    .filter(snapshot => snapshot.watermark !== undefined && snapshot.watermark >= watermark)
    .toSorted((a, b) => a.id - b.id);
  if (first === undefined) {
    const why = `table ${table.label} has no snapshot with a watermark of ${watermark} or later`;
    throw invalid('LAKE_SNAPSHOT_NOT_FOUND', why);
  }
  const retainedMs = call.optionalDuration('time_retained');
  await createTag(table, call.text('tag'), { snapshotId: first.id, retainedMs });
  return tagRow(call.text('tag'), first);
}

/** To the newest snapshot whose watermark is at or before this. */
async function rollBackToWatermark(call: Call): Promise<StatementResult> {
  const table = await call.table();
  const watermark = BigInt(call.optionalInteger('watermark') ?? 0);
  const chain = await listSnapshots(table);
  const found = chain.findLast(snapshot => snapshot.watermark !== undefined && snapshot.watermark <= watermark);
  if (found === undefined) {
    const why = `table ${table.label} has no snapshot with a watermark of ${watermark} or earlier`;
    throw invalid('LAKE_SNAPSHOT_NOT_FOUND', why);
  }
  return rolledBack(call, table, { snapshotId: found.id });
}

async function rolledBack(call: Call, table: Table, point: RollbackPoint): Promise<StatementResult> {
  const { previousId, snapshotId } = await rollbackLakeTable(call.parts, table, point, call.signal);
  return numberRow({ previous_snapshot_id: previousId, current_snapshot_id: snapshotId });
}

function tagOptions(call: Call): TagOptions {
  return { snapshotId: call.optionalInteger('snapshot_id'), retainedMs: call.optionalDuration('time_retained') };
}

function namesOf(list: string): readonly string[] {
  return list
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '');
}
