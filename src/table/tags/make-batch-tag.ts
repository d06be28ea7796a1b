/**
 * The tag with which a batch of writes ends (`tag.automatic-creation` = `batch`): one a day, which always means the newest
 * snapshot that a batch has made, or one of a name that the table gives.
 *
 * @see Paimon 1.4.2 TagBatchCreation
 */
import { isLakeError } from '../../base/errors.ts';
import { badOption, integerOption, textOption } from '../../format/option-values.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { latestSnapshot } from '../snapshots.ts';
import type { Table } from '../table.ts';
import { creationMode } from './auto-tag-options.ts';
import { createTag, deleteTag, moveTag, type StoredTag, storedTags } from './manage-tags.ts';

export type BatchTag = {
  /** Of the snapshot that was made then. */
  readonly nameAt: (timeMillis: number) => string;
  /** Of all tags, made by themselves or not. */
  readonly retainedCountMax: number | undefined;
};

const prefix = 'batch-write-';
const zoneKey = 'sink.process-time-zone';
/** Others may make or delete the tag at the same moment. */
const triesMax = 3;

/** undefined: batches make no tags. @throws LakeError `invalid` LAKE_BAD_OPTION */
export function batchTagOf(schema: TableSchema): BatchTag | undefined {
  const { options } = schema;
  if (creationMode(schema) !== 'batch') return undefined;
  const customized = textOption(options, 'tag.batch.customized-name');
  const zone = zoneNamed(textOption(options, zoneKey) ?? 'UTC');
  return {
    nameAt: timeMillis => customized ?? `${prefix}${dateIn(zone, timeMillis)}`,
    retainedCountMax: integerOption(options, 'tag.num-retained-max', 1),
  };
}

/**
 * Lets the tag of today mean the newest snapshot, and takes the oldest of the tags that are too many away.
 *
 * @returns its name; undefined: the table asks for none, or has no snapshot
 * @throws LakeError of the store; `conflict` LAKE_TAG_CONFLICT when others keep changing it
 */
export async function makeBatchTag(table: Table): Promise<string | undefined> {
  const tag = batchTagOf(table.schema);
  const snapshot = tag === undefined ? undefined : await latestSnapshot(table);
  if (tag === undefined || snapshot === undefined) return undefined;
  const name = tag.nameAt(snapshot.timeMillis);
  for (let tries = 1; ; tries += 1) {
    try {
      if ((await createTag(table, name, { ifNotExists: true })) === undefined) await moveTag(table, name);
      break;
    } catch (error) {
      // Deleted or changed between the two, or a snapshot that expired at once: the newest is another by now.
      const isPassing = ['LAKE_TAG_NOT_FOUND', 'LAKE_TAG_CONFLICT', 'LAKE_SNAPSHOT_EXPIRED'] as const;
      if (tries === triesMax || !isPassing.some(code => isLakeError(error, code))) throw error;
    }
  }
  await removeSurplusTags(table);
  return name;
}

/** @returns names of the tags that went */
export async function removeSurplusTags(table: Table): Promise<readonly string[]> {
  const max = batchTagOf(table.schema)?.retainedCountMax;
  if (max === undefined) return [];
  const surplus = oldestFirst(await storedTags(table)).slice(0, -max);
  for (const { name } of surplus) await deleteTag(table, name, { ifExists: true });
  return surplus.map(({ name }) => name);
}

/** By their snapshots, those of one by when they were made. */
function oldestFirst(tags: readonly StoredTag[]): readonly StoredTag[] {
  return tags.toSorted(
    (a, b) =>
      a.snapshot.id - b.snapshot.id || a.file.lastModifiedMs - b.file.lastModifiedMs || (a.name < b.name ? -1 : 1),
  );
}

/** `2024-01-31` */
function dateIn(zone: Intl.DateTimeFormat, timeMillis: number): string {
  const texts = new Map(zone.formatToParts(timeMillis).map(({ type, value }) => [type, value]));
  return `${texts.get('year')?.padStart(4, '0')}-${texts.get('month')}-${texts.get('day')}`;
}

/** `Asia/Tokyo`, `UTC`, and offsets as Java writes them: `+9`, `UTC+09:00`, `GMT-3`. */
function zoneNamed(name: string): Intl.DateTimeFormat {
  const [, sign, hours = '', minutes = '00'] = /^(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d\d))?$/.exec(name) ?? [];
  const timeZone = sign === undefined ? name.replace(/^Z$/, 'UTC') : `${sign}${hours.padStart(2, '0')}:${minutes}`;
  try {
    return new Intl.DateTimeFormat('en', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  } catch {
    throw badOption(zoneKey, name, 'a time zone, as UTC, Asia/Tokyo or +09:00');
  }
}
