/**
 * Branches of a table: made from a tag or empty, renamed, deleted (spec 10.5). A branch is a folder with schemas, snapshots
 * and tags of its own; data and manifests are shared with the table, so making one copies no rows.
 *
 * A branch is there as soon as it has a schema, which therefore comes last when it is made and goes first when it is
 * deleted. Data is safe at any moment: a branch made from a tag has its snapshot before it is looked whether the tag was
 * there all the time (PROTOCOL R2). Who writes to a branch at the moment at which it is deleted or renamed may be told
 * that something is committed which goes with it.
 */
import { mapBounded } from '../base/concurrency.ts';
import { invalid, LakeError } from '../base/errors.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import {
  branchFolder,
  branchPath,
  idOfName,
  schemaFolder,
  schemaPath,
  snapshotPath,
  tagPath,
} from '../format/paths.ts';
import { encodeTag } from '../format/tag.ts';
import { putNew } from '../table/put-new.ts';
import { SchemaCache } from '../table/schemas.ts';
import type { Table } from '../table/table.ts';
import { type StoredTag, tagKey, tagNamed } from '../table/tags/manage-tags.ts';
import { childFolders } from './folders.ts';
import { checkNewName } from './identifier.ts';

const mainBranch = 'main';
const copiesInParallelMax = 16;
/** Times that a branch may get a snapshot while it is renamed. */
const renameRoundsMax = 5;

/** Names of the branches that are there, in order. */
export async function listBranches({ store, path }: Pick<Table, 'store' | 'path'>): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const folder of childFolders(store, `${path}/${branchFolder}/`)) {
    if (!folder.startsWith('branch-')) continue;
    if ((await new SchemaCache(store, `${path}/${branchFolder}/${folder}`).ids()).length > 0) {
      names.push(folder.slice('branch-'.length));
    }
  }
  return names;
}

/**
 * Makes a branch: empty with the table's schemas, or with a tag's snapshot, the tag, and the schemas up to it.
 *
 * @returns false: there was one of the name, and `ifNotExists` was said
 * @throws LakeError `invalid` LAKE_BAD_NAME, LAKE_BRANCH_EXISTS, LAKE_TAG_NOT_FOUND
 */
export async function createBranch(
  table: Table,
  name: string,
  options: { readonly tag?: string | undefined; readonly ifNotExists?: boolean | undefined } = {},
): Promise<boolean> {
  const folder = branchKey(table, name);
  checkBranchName(table, name);
  if ((await keysUnder(table, folder)).length > 0) {
    if (options.ifNotExists === true && (await listBranches(table)).includes(name)) return false;
    throw branchExists(table, name);
  }
  const tag = options.tag === undefined ? undefined : await tagNamed(table, options.tag);
  const schemaIds = (await table.schemas.ids()).filter(id => tag === undefined || id <= tag.snapshot.schemaId);
  if (tag !== undefined) await copyTag(table, tag, folder, name);
  for (const id of schemaIds) {
    await copy(table, `${table.path}/${schemaPath(id)}`, `${folder}/${schemaPath(id)}`);
  }
  return true;
}

/** @throws LakeError `invalid` LAKE_BRANCH_NOT_FOUND unless `ifExists` */
export async function deleteBranch(
  table: Table,
  name: string,
  options: { readonly ifExists?: boolean | undefined } = {},
): Promise<boolean> {
  const keys = await keysUnder(table, branchKey(table, name));
  // Also of one whose deletion was cut short, or into which somebody has committed after it.
  if (keys.length === 0 && options.ifExists !== true) throw branchNotFound(table, name);
  await removeKeys(table, keys);
  return keys.length > 0;
}

/** @throws LakeError `invalid` LAKE_BRANCH_NOT_FOUND, LAKE_BRANCH_EXISTS, LAKE_BAD_NAME; `conflict` LAKE_BRANCH_BUSY */
export async function renameBranch(table: Table, name: string, newName: string): Promise<void> {
  checkBranchName(table, newName);
  const [from, to] = [branchKey(table, name), branchKey(table, newName)];
  if (!(await listBranches(table)).includes(name)) throw branchNotFound(table, name);
  if ((await keysUnder(table, to)).length > 0) throw branchExists(table, newName);
  let copied: readonly string[] = [];
  for (let round = 0; round < renameRoundsMax; round += 1) {
    const keys = await keysUnder(table, from);
    const fresh = keys.filter(key => !copied.includes(key));
    if (fresh.length === 0 && round > 0) {
      await removeKeys(table, keys);
      return;
    }
    // The new branch is there with its schemas, when it has everything else.
    const [schemas, others] = [fresh.filter(isSchema), fresh.filter(key => !isSchema(key))];
    await mapBounded(others, copiesInParallelMax, key => copy(table, key, to + key.slice(from.length)));
    for (const key of schemas) await copy(table, key, to + key.slice(from.length));
    copied = keys;
  }
  await removeKeys(table, await keysUnder(table, to));
  const message = `branch ${name} of ${table.label} is written to all the time; rename it when it rests`;
  throw new LakeError('conflict', 'LAKE_BRANCH_BUSY', message);
}

export function branchKey({ path }: Pick<Table, 'path'>, name: string): string {
  return `${path}/${branchPath(name)}`;
}

export function branchNotFound({ label }: Pick<Table, 'label'>, name: string): LakeError {
  return invalid('LAKE_BRANCH_NOT_FOUND', `table ${label} has no branch ${name}`);
}

/** The snapshot with its tag, and the look whether what they name is still there. */
async function copyTag(table: Table, tag: StoredTag, folder: string, name: string): Promise<void> {
  const own = [`${folder}/${tagPath(tag.name)}`, `${folder}/${snapshotPath(tag.snapshot.id)}`];
  const [tagCopy = '', snapshotCopy = ''] = own;
  await table.store.put(tagCopy, tag.file.bytes);
  const status = await putNew(table, snapshotCopy, encodeTag(tag.file.bytes, snapshotCopy, undefined));
  const isAlone = (await keysUnder(table, folder)).every(key => own.includes(key));
  const now = await table.store.get(tagKey(table, tag.name), { bytesMax: jsonBytesMax });
  if (status === 'created' && isAlone && now?.etag === tag.file.etag) return;
  await removeKeys(table, own);
  if (status === 'created' && isAlone) {
    throw invalid('LAKE_TAG_NOT_FOUND', `tag ${tag.name} of table ${table.label} went away meanwhile`);
  }
  throw branchExists(table, name);
}

async function copy({ store }: Table, from: string, to: string): Promise<void> {
  const object = await store.get(from, { bytesMax: jsonBytesMax });
  if (object !== undefined) await store.put(to, object.bytes);
}

async function keysUnder({ store }: Table, folder: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const page of store.list(`${folder}/`)) keys.push(...page.objects.map(({ key }) => key));
  return keys;
}

/** Schemas first, the newest of them last among them: nobody opens the branch any more. */
async function removeKeys({ store }: Table, keys: readonly string[]): Promise<void> {
  for (const key of keys.filter(isSchema)) await store.delete(key);
  await mapBounded(
    keys.filter(key => !isSchema(key)),
    copiesInParallelMax,
    key => store.delete(key),
  );
}

function isSchema(key: string): boolean {
  return key.includes(`/${schemaFolder}/`) && idOfName(key, 'schema') !== undefined;
}

function checkBranchName({ label, identifier }: Table, name: string): void {
  if (identifier.branch !== undefined) {
    throw invalid('LAKE_BAD_NAME', `${label} is a branch; branches are made of the table itself`);
  }
  if (name === mainBranch) throw invalid('LAKE_BAD_NAME', `${label}: \`main\` is the table itself`);
  if (/^\d+$/.test(name))
    throw invalid('LAKE_BAD_NAME', `${label}: a branch's name must not be a number, as ${name} is`);
  checkNewName(name, `${label}$branch_${name}`);
}

function branchExists({ label }: Table, name: string): LakeError {
  const message = `table ${label} has a branch ${name} already, or what is left of one; delete it first`;
  return invalid('LAKE_BRANCH_EXISTS', message);
}
