/**
 * The snapshot a plan becomes on its base (DESIGN 2.1 Identity, S2 g, S3; spec 3.1), and what must hold between the two.
 * Pure.
 */
import { assert } from '../../base/assert.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { droppedProperty, type Properties, parentProperty, propertyPrefix, tableIdProperty } from './properties.ts';
import type { CommitPlan, PlannedFile } from './request.ts';

export type SnapshotParts = {
  readonly parent: Snapshot | undefined;
  /** Ours in force at the base. */
  readonly properties: Properties;
  readonly tableId: string | undefined;
  readonly plan: CommitPlan;
  readonly commitUser: string;
  readonly commitIdentifier: bigint;
  /** The newest store time there is before the swap; at or after the base's. */
  readonly storeTimeMs: number;
  readonly baseList: WrittenList;
  /** Its name is the snapshot's identity. */
  readonly deltaList: WrittenList;
  readonly changelogList: WrittenList | undefined;
};

export type WrittenList = { readonly name: string; readonly sizeBytes: number };

/** The snapshot format that all readers take. */
const snapshotVersion = 3;

export function buildSnapshot(parts: SnapshotParts): Snapshot {
  const { parent, plan, baseList, deltaList, changelogList } = parts;
  const deltaRecordCount = plan.emptied
    ? -(parent?.totalRecordCount ?? 0n)
    : rowsOf(plan.adds) - plan.deletes.reduce((sum, { file }) => sum + BigInt(file.rowCount), 0n);
  const schemaId = Math.max(parent?.schemaId ?? plan.schemaId, plan.schemaId);
  const snapshot: Snapshot = {
    version: snapshotVersion,
    id: (parent?.id ?? 0) + 1,
    schemaId,
    baseManifestList: baseList.name,
    baseManifestListSize: baseList.sizeBytes,
    deltaManifestList: deltaList.name,
    deltaManifestListSize: deltaList.sizeBytes,
    changelogManifestList: changelogList?.name,
    changelogManifestListSize: changelogList?.sizeBytes,
    indexManifest: plan.emptied ? undefined : (plan.index?.name ?? parent?.indexManifest),
    commitUser: parts.commitUser,
    commitIdentifier: parts.commitIdentifier,
    commitKind: plan.kind,
    timeMillis: Math.max(parent?.timeMillis ?? parts.storeTimeMs, parts.storeTimeMs),
    totalRecordCount: (parent?.totalRecordCount ?? 0n) + deltaRecordCount,
    deltaRecordCount,
    changelogRecordCount: plan.changelog.length === 0 ? undefined : rowsOf(plan.changelog),
    watermark: largest(parent?.watermark, plan.watermark),
    // Statistics hold for the schema they were made under (spec 3.3, step 8).
    statistics: plan.statistics ?? (parent?.schemaId === schemaId && !plan.emptied ? parent.statistics : undefined),
    properties: propertiesOf(parts),
    nextRowId: parent === undefined ? 0n : parent.nextRowId,
  };
  checkSuccession(snapshot, parts);
  return snapshot;
}

/** The parent's, changed only in the plan's own keys, with what names the table and the link down. */
function propertiesOf({ parent, properties, tableId, plan }: SnapshotParts): Properties {
  const next: Record<string, string> = { ...properties };
  for (const [key, value] of Object.entries(plan.properties)) {
    assert(key !== tableIdProperty && key !== parentProperty, () => `${key} is not a plan's to change`);
    if (value === undefined) delete next[key];
    else next[key] = value;
  }
  if (tableId !== undefined) next[tableIdProperty] = tableId;
  if (parent !== undefined) next[parentProperty] = parent.deltaManifestList;
  return next;
}

/** What must hold between a snapshot and the one below it. A breach is our bug; nothing has been written then. */
function checkSuccession(next: Snapshot, { parent, properties, plan }: SnapshotParts): void {
  if (parent !== undefined) {
    assert(next.id === parent.id + 1, () => `snapshot ${next.id} does not follow ${parent.id}`);
    assert(next.timeMillis >= parent.timeMillis, 'time does not go back');
    assert(next.schemaId >= parent.schemaId, 'the schema does not go back');
    assert(next.deltaManifestList !== parent.deltaManifestList, 'every snapshot has an identity of its own');
    assert(next.properties[parentProperty] === parent.deltaManifestList, 'a snapshot names its parent');
  }
  assert(next.totalRecordCount === (parent?.totalRecordCount ?? 0n) + next.deltaRecordCount, 'record counts add up');
  for (const [key, value] of Object.entries(properties)) {
    const own = Object.hasOwn(plan.properties, key);
    assert(own || key === tableIdProperty || next.properties[key] === value, () => `${key} is carried over`);
  }
  for (const key of Object.keys(next.properties)) {
    const known = key.startsWith(propertyPrefix) || Object.hasOwn(plan.properties, key);
    assert(known, () => `${key} comes from nowhere`);
  }
  assert(plan.emptied === (next.properties[droppedProperty] !== undefined), 'a dropped table is empty');
}

function rowsOf(files: readonly PlannedFile[]): bigint {
  return files.reduce((sum, { file }) => sum + BigInt(file.rowCount), 0n);
}

function largest(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}
