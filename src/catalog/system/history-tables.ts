/**
 * System tables of what a table was and is told to be: snapshots, schemas, options, tags, branches, consumers.
 *
 * @see spec 14; Paimon 1.4.2 SnapshotsTable, SchemasTable, OptionsTable, TagsTable, BranchesTable, ConsumersTable
 */
import { corrupt } from '../../base/errors.ts';
import { type JsonValue, parseJson, stringifyJson } from '../../base/json.ts';
import { jsonBytesMax } from '../../format/metadata-limits.ts';
import { branchFolder, consumerFolder, tagPath } from '../../format/paths.ts';
import { decodeTag, type Tag } from '../../format/tag.ts';
import { fieldToJson } from '../../format/type-text.ts';
import { listSnapshots, listTags } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import type { RowType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { childFolders } from '../folders.ts';
import { bigint, millis, required, rowTypeOf, text, timestampOf } from './columns.ts';

export type Rows = readonly (readonly Scalar[])[];

export const snapshotsType: RowType = rowTypeOf({
  snapshot_id: required(bigint),
  schema_id: required(bigint),
  commit_user: required(text),
  commit_identifier: required(bigint),
  commit_kind: required(text),
  commit_time: required(millis),
  base_manifest_list: required(text),
  delta_manifest_list: required(text),
  changelog_manifest_list: text,
  total_record_count: bigint,
  delta_record_count: bigint,
  changelog_record_count: bigint,
  watermark: bigint,
  next_row_id: bigint,
  operation: text,
});

export async function snapshotRows(table: Table): Promise<Rows> {
  return (await listSnapshots(table)).map(snapshot => [
    BigInt(snapshot.id),
    BigInt(snapshot.schemaId),
    snapshot.commitUser,
    snapshot.commitIdentifier,
    snapshot.commitKind,
    timestampOf(snapshot.timeMillis),
    snapshot.baseManifestList,
    snapshot.deltaManifestList,
    snapshot.changelogManifestList ?? null,
    snapshot.totalRecordCount,
    snapshot.deltaRecordCount,
    snapshot.changelogRecordCount ?? null,
    snapshot.watermark ?? null,
    snapshot.nextRowId ?? null,
    null,
  ]);
}

export const schemasType: RowType = rowTypeOf({
  schema_id: required(bigint),
  fields: required(text),
  partition_keys: required(text),
  primary_keys: required(text),
  options: required(text),
  comment: text,
  update_time: required(millis),
});

export async function schemaRows(table: Table): Promise<Rows> {
  const rows: Scalar[][] = [];
  for (const id of await table.schemas.ids()) {
    const schema = await table.schemas.get(id);
    rows.push([
      BigInt(id),
      stringifyJson(schema.fields.map(fieldToJson)),
      stringifyJson(schema.partitionKeys),
      stringifyJson(schema.primaryKeys),
      stringifyJson(schema.options),
      schema.comment ?? '',
      timestampOf(schema.timeMillis),
    ]);
  }
  return rows;
}

export const optionsType: RowType = rowTypeOf({ key: required(text), value: required(text) });

export async function optionRows(table: Table): Promise<Rows> {
  return Object.entries(table.schema.options);
}

export const tagsType: RowType = rowTypeOf({
  tag_name: required(text),
  snapshot_id: required(bigint),
  schema_id: required(bigint),
  commit_time: required(millis),
  record_count: bigint,
  create_time: millis,
  time_retained: text,
});

export async function tagRows(table: Table): Promise<Rows> {
  const rows: Scalar[][] = [];
  for (const name of await listTags(table)) {
    const key = `${table.metaPath}/${tagPath(name)}`;
    const object = await table.store.get(key, { bytesMax: jsonBytesMax });
    // Deleted between the listing and the look.
    if (object === undefined) continue;
    rows.push(tagRow(name, decodeTag(object.bytes, key)));
  }
  return rows;
}

function tagRow(name: string, { snapshot, createTimeMs, retainedMs }: Tag): Scalar[] {
  return [
    name,
    BigInt(snapshot.id),
    BigInt(snapshot.schemaId),
    timestampOf(snapshot.timeMillis),
    snapshot.totalRecordCount,
    createTimeMs === undefined ? null : timestampOf(createTimeMs),
    retainedMs === undefined ? null : durationText(retainedMs / 1000),
  ];
}

/** A duration as Java prints it: `PT24H`. */
function durationText(duration: number): string {
  const hours = Math.trunc(duration / 3600);
  const minutes = Math.trunc((duration % 3600) / 60);
  const seconds = duration % 60;
  const parts = `${hours === 0 ? '' : `${hours}H`}${minutes === 0 ? '' : `${minutes}M`}`;
  return `PT${seconds === 0 && parts !== '' ? parts : `${parts}${seconds}S`}`;
}

export const branchesType: RowType = rowTypeOf({ branch_name: required(text), create_time: required(millis) });

/** A branch began when its first file came. */
export async function branchRows(table: Table): Promise<Rows> {
  const folder = `${table.path}/${branchFolder}/`;
  const rows: Scalar[][] = [];
  for await (const name of childFolders(table.store, folder)) {
    if (!name.startsWith('branch-')) continue;
    let beganMs = Number.POSITIVE_INFINITY;
    for await (const page of table.store.list(`${folder}${name}/schema/`)) {
      for (const { lastModifiedMs } of page.objects) beganMs = Math.min(beganMs, lastModifiedMs);
    }
    if (Number.isFinite(beganMs)) rows.push([name.slice('branch-'.length), timestampOf(Math.floor(beganMs))]);
  }
  return rows;
}

export const consumersType: RowType = rowTypeOf({ consumer_id: required(text), next_snapshot_id: required(bigint) });

export async function consumerRows(table: Table): Promise<Rows> {
  const prefix = `${table.metaPath}/${consumerFolder}/consumer-`;
  const rows: Scalar[][] = [];
  for await (const page of table.store.list(prefix)) {
    for (const { key } of page.objects) {
      const object = await table.store.get(key, { bytesMax: jsonBytesMax });
      if (object === undefined) continue;
      rows.push([key.slice(prefix.length), nextSnapshotOf(object.bytes, key)]);
    }
  }
  return rows;
}

function nextSnapshotOf(bytes: Uint8Array, where: string): bigint {
  let json: JsonValue;
  try {
    json = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw corrupt('LAKE_CORRUPT_CONSUMER', `${where} is not JSON`, { cause });
  }
  const next = member(json, 'nextSnapshot');
  if (typeof next === 'number' && Number.isSafeInteger(next)) return BigInt(next);
  throw corrupt('LAKE_CORRUPT_CONSUMER', `${where} has no nextSnapshot`);
}

function member(json: JsonValue, key: string): JsonValue | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  return Object.entries(json).find(([name]) => name === key)?.[1];
}
