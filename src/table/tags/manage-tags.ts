/**
 * Making, replacing, renaming and deleting tags, beside expiry that runs at the same time (PROTOCOL R2, RFC 0005): a tag is
 * written first, and then it is looked whether its snapshot is there and stays. Data of a deleted tag goes with the orphans.
 *
 * What keeps data is that at no moment the snapshot is named by nobody. So a tag that takes another's place, or another's
 * name, is there before the other goes.
 */
import { invalid, isLakeError, LakeError } from '../../base/errors.ts';
import { isFileName } from '../../format/file-name.ts';
import { jsonBytesMax } from '../../format/metadata-limits.ts';
import { durationOption } from '../../format/option-values.ts';
import { snapshotPath, tagPath } from '../../format/paths.ts';
import { decodeSnapshot, type Snapshot } from '../../format/snapshot.ts';
import { decodeTag, encodeTag, type Tag, type TagLife } from '../../format/tag.ts';
import type { StoredObject } from '../../storage/object-store.ts';
import { pinHolds } from '../pins.ts';
import { putNew } from '../put-new.ts';
import { latestSnapshot, listTags, snapshotById } from '../snapshots.ts';
import type { Table } from '../table.ts';
import { autoTagNames } from './auto-tag-options.ts';

export type TagOptions = {
  /** The newest unless said. One that lives in another tag alone will do. */
  readonly snapshotId?: number | undefined;
  /** How long it is kept; unless said, the option `tag.default-time-retained`, and without that for ever. */
  readonly retainedMs?: number | undefined;
};

/** A tag that is there, with its file. */
export type StoredTag = Tag & { readonly name: string; readonly file: StoredObject };

/**
 * Makes a tag. When it resolves, the snapshot's data stays for as long as the tag does.
 *
 * @returns undefined: there was one of the name, and `ifNotExists` was said
 * @throws LakeError `invalid` LAKE_BAD_NAME, LAKE_TAG_EXISTS, LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED
 */
export async function createTag(
  table: Table,
  name: string,
  options: TagOptions & { readonly ifNotExists?: boolean | undefined } = {},
): Promise<Snapshot | undefined> {
  checkTagName(table, name);
  const source = await sourceOf(table, options.snapshotId);
  await checkAutoTags(table, name, source.snapshot);
  const key = tagKey(table, name);
  const bytes = encodeTag(source.bytes, key, lifeOf(table, options.retainedMs));
  if ((await putNew(table, key, bytes)) === 'exists') {
    if (options.ifNotExists === true) return undefined;
    throw invalid('LAKE_TAG_EXISTS', `table ${table.label} has a tag ${name} already`);
  }
  if (await source.holds()) return source.snapshot;
  await table.store.delete(key);
  throw invalid('LAKE_SNAPSHOT_EXPIRED', `snapshot ${source.snapshot.id} of table ${table.label} has expired`);
}

/**
 * Lets a tag mean another snapshot.
 *
 * @throws LakeError `invalid` LAKE_TAG_NOT_FOUND, …; `conflict` LAKE_TAG_CONFLICT when somebody else changed it meanwhile
 */
export async function replaceTag(table: Table, name: string, options: TagOptions = {}): Promise<Snapshot> {
  const before = await tagNamed(table, name);
  // Holds the new snapshot until the tag itself does: the old one must not have gone for a snapshot that has.
  const holder = `${name.slice(0, holderNameMax)}.${table.random.uuid()}`;
  await createTag(table, holder, options);
  try {
    const { file, snapshot } = await tagNamed(table, holder);
    await checkAutoTags(table, name, snapshot);
    await putOver(table, before, file.bytes);
    return snapshot;
  } finally {
    await table.store.delete(tagKey(table, holder));
  }
}

/**
 * Lets a tag mean the newest snapshot. The newest does not expire, so nothing has to hold it meanwhile, and a process that
 * dies leaves no more than the tag; if it is superseded and gone all the same, so is the tag.
 *
 * @throws LakeError `invalid` LAKE_TAG_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED; `conflict` LAKE_TAG_CONFLICT
 */
export async function moveTag(table: Table, name: string): Promise<Snapshot> {
  const before = await tagNamed(table, name);
  const source = await sourceOf(table, undefined);
  const bytes = encodeTag(source.bytes, tagKey(table, name), lifeOf(table, undefined));
  await putOver(table, before, bytes);
  if (await source.holds()) return source.snapshot;
  await table.store.delete(tagKey(table, name));
  throw invalid('LAKE_SNAPSHOT_EXPIRED', `snapshot ${source.snapshot.id} of table ${table.label} has expired`);
}

async function putOver(table: Table, { name, file }: StoredTag, bytes: Uint8Array): Promise<void> {
  const outcome = await table.store.putIfMatch(tagKey(table, name), bytes, file.etag);
  if (outcome.status === 'unanswered') {
    const message = `${table.store.uri}: no answer to replacing tag ${name}; look what it means, and replace it again`;
    throw new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', message, { cause: outcome.cause });
  }
  if (outcome.status !== 'replaced') throw changedMeanwhile(table, name);
}

/** @throws LakeError `invalid` LAKE_TAG_NOT_FOUND, LAKE_TAG_EXISTS, LAKE_BAD_NAME; `conflict` LAKE_TAG_CONFLICT */
export async function renameTag(table: Table, name: string, newName: string): Promise<void> {
  checkTagName(table, newName);
  const before = await tagNamed(table, name);
  if ((await putNew(table, tagKey(table, newName), before.file.bytes)) === 'exists') {
    throw invalid('LAKE_TAG_EXISTS', `table ${table.label} has a tag ${newName} already`);
  }
  // Gone or changed before the new one was there: what it named may have gone with it.
  const now = await readTag(table, name);
  if (now?.file.etag !== before.file.etag) {
    await table.store.delete(tagKey(table, newName));
    throw changedMeanwhile(table, name);
  }
  await table.store.delete(tagKey(table, name));
}

/** @returns false: there was none, and `ifExists` was said · @throws LakeError `invalid` LAKE_TAG_NOT_FOUND */
export async function deleteTag(
  table: Table,
  name: string,
  options: { readonly ifExists?: boolean | undefined } = {},
): Promise<boolean> {
  if ((await readTag(table, name)) === undefined) {
    if (options.ifExists === true) return false;
    throw tagNotFound(table, name);
  }
  await table.store.delete(tagKey(table, name));
  return true;
}

/** All tags, by name. */
export async function storedTags(table: Table): Promise<readonly StoredTag[]> {
  const tags: StoredTag[] = [];
  for (const name of await listTags(table)) {
    const tag = await readTag(table, name);
    // Deleted between the listing and the look.
    if (tag !== undefined) tags.push(tag);
  }
  return tags;
}

/** @throws LakeError `invalid` LAKE_TAG_NOT_FOUND */
export async function tagNamed(table: Table, name: string): Promise<StoredTag> {
  const tag = await readTag(table, name);
  if (tag === undefined) throw tagNotFound(table, name);
  return tag;
}

export function tagKey({ metaPath }: Pick<Table, 'metaPath'>, name: string): string {
  return `${metaPath}/${tagPath(name)}`;
}

async function readTag(table: Table, name: string): Promise<StoredTag | undefined> {
  if (!isFileName(name)) return undefined;
  const key = tagKey(table, name);
  const file = await table.store.get(key, { bytesMax: jsonBytesMax });
  return file === undefined ? undefined : { ...decodeTag(file.bytes, key), name, file };
}

/** Leaves room in a file's name for what tells a holder from its tag. */
const holderNameMax = 40;

type TagSource = {
  readonly snapshot: Snapshot;
  readonly bytes: Uint8Array;
  /** Whether its data was there all the time, asked after the tag was written. */
  readonly holds: () => Promise<boolean>;
};

async function sourceOf(table: Table, snapshotId: number | undefined): Promise<TagSource> {
  if (snapshotId === undefined) {
    const head = await latestSnapshot(table);
    if (head !== undefined) return sourceOfChain(table, head);
    throw invalid('LAKE_SNAPSHOT_NOT_FOUND', `table ${table.label} has no snapshot to tag yet`);
  }
  try {
    return await sourceOfChain(table, await snapshotById(table, snapshotId));
  } catch (error) {
    if (!isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) throw error;
    const tag = (await storedTags(table)).find(({ snapshot }) => snapshot.id === snapshotId);
    if (tag === undefined) throw error;
    const holds = async (): Promise<boolean> => (await readTag(table, tag.name))?.file.etag === tag.file.etag;
    return { snapshot: tag.snapshot, bytes: tag.file.bytes, holds };
  }
}

async function sourceOfChain(table: Table, snapshot: Snapshot): Promise<TagSource> {
  const key = `${table.metaPath}/${snapshotPath(snapshot.id)}`;
  const file = await table.store.get(key, { bytesMax: jsonBytesMax });
  if (file === undefined || decodeSnapshot(file.bytes, key).deltaManifestList !== snapshot.deltaManifestList) {
    throw invalid('LAKE_SNAPSHOT_EXPIRED', `snapshot ${snapshot.id} of table ${table.label} has expired`);
  }
  return { snapshot, bytes: file.bytes, holds: () => pinHolds(table, snapshot) };
}

function lifeOf(table: Table, retainedMs: number | undefined): TagLife | undefined {
  const kept = retainedMs ?? durationOption(table.schema.options, 'tag.default-time-retained');
  return kept === undefined ? undefined : { createTimeMs: table.storeTimeMs(), retainedMs: kept };
}

function checkTagName(table: Table, name: string): void {
  if (name.trim() !== '' && isFileName(`tag-${name}`)) return;
  throw invalid('LAKE_BAD_NAME', `${table.label}: ${JSON.stringify(name.slice(0, 80))} will not do as a tag's name`);
}

/** Paimon takes two automatic tags of one snapshot for an error, and then makes none any more. */
async function checkAutoTags(table: Table, name: string, { id }: Snapshot): Promise<void> {
  const names = autoTagNames(table.schema);
  if (names === undefined || !names.isAuto(name)) return;
  const same = (await storedTags(table)).find(tag => tag.snapshot.id === id && names.isAuto(tag.name));
  if (same === undefined || same.name === name) return;
  throw invalid('LAKE_BAD_NAME', `${table.label}: snapshot ${id} has the automatic tag ${same.name} already`);
}

function tagNotFound(table: Table, name: string): LakeError {
  return invalid('LAKE_TAG_NOT_FOUND', `table ${table.label} has no tag ${name}`);
}

function changedMeanwhile(table: Table, name: string): LakeError {
  return new LakeError('conflict', 'LAKE_TAG_CONFLICT', `tag ${name} of table ${table.label} was changed meanwhile`);
}
