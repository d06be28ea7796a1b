/**
 * Where the origins of a commit's rows lie: in the properties of its snapshot, or, where there are many, in an object that they
 * name. No other snapshot has them: its child does not take them over.
 */
import type { Snapshot } from '../../format/snapshot.ts';
import { originsObjectProperty, originsProperty } from '../../table/commit/properties.ts';
import type { CommitPlan } from '../../table/commit/request.ts';
import type { Table } from '../../table/table.ts';
import { originsNamePrefix, tableObjectKey } from '../../table/table-objects.ts';
import { decodeRowOrigins, encodeRowOrigins, originsBytesMax, type RowOrigins } from './row-origins.ts';

/** Whoever looks for the newest snapshot reads what is inline; an object costs a PUT. */
const inlineBytesMax = 4 * 1024;

const nothing: StoredOrigins = { properties: {}, uploads: [] };

export type StoredOrigins = Pick<CommitPlan, 'properties' | 'uploads'>;

/** The properties that carry origins; of many, what is uploaded first. */
export async function storeOrigins(table: Table, origins: RowOrigins): Promise<StoredOrigins> {
  const bytes = encodeRowOrigins(origins);
  if (bytes === undefined) return nothing;
  const text = Buffer.from(bytes).toString('base64');
  if (text.length <= inlineBytesMax) return { properties: { [originsProperty]: text }, uploads: [] };
  const name = `${originsNamePrefix}${table.random.uuid()}`;
  const uploadBeganMs = table.storeTimeMs();
  await table.store.put(tableObjectKey(table, name), bytes);
  return { properties: { [originsObjectProperty]: name }, uploads: [{ name, uploadBeganMs }] };
}

/**
 * Of the rows of one snapshot's own commit; undefined: nobody has written them down, or they have expired.
 *
 * @throws LakeError `corrupt` LAKE_CORRUPT_ORIGINS, LAKE_CORRUPT_STATE
 */
export async function readOrigins(table: Table, { id, properties }: Snapshot): Promise<RowOrigins | undefined> {
  const inline = properties[originsProperty];
  if (inline !== undefined) return decodeRowOrigins(Buffer.from(inline, 'base64'), `snapshot ${id} of ${table.label}`);
  const name = properties[originsObjectProperty];
  if (name === undefined) return undefined;
  const key = tableObjectKey(table, name);
  const object = await table.store.get(key, { bytesMax: originsBytesMax });
  return object === undefined ? undefined : decodeRowOrigins(object.bytes, key);
}
