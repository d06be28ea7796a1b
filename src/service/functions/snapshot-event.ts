/**
 * The event that a new object in a bucket makes (EventBridge, `Object Created`), and which table's snapshot it is.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
import * as z from 'zod';
import { invalid, isLakeError } from '../../base/errors.ts';
import { databaseOfFolder, type Identifier, parseIdentifier, printIdentifier } from '../../catalog/identifier.ts';
import { parseStoreUri } from '../../storage/open-object-store.ts';
import { filledText } from '../filled-text.ts';

export type CreatedObject = { readonly bucket: string; readonly key: string };

const eventSchema = z.object({
  detail: z.object({
    bucket: z.object({ name: filledText }),
    object: z.object({ key: filledText }),
  }),
});

/** What a rule or a schedule of EventBridge sends on its own account. */
const scheduleSchema = z.object({ source: z.enum(['aws.events', 'aws.scheduler']) });

/** What the compact function is called for. @throws LakeError `invalid` LAKE_BAD_EVENT */
export function parseCompactEvent(event: unknown): CreatedObject | 'schedule' {
  return scheduleSchema.safeParse(event).success ? 'schedule' : parseObjectCreated(event);
}

/** @throws LakeError `invalid` LAKE_BAD_EVENT */
export function parseObjectCreated(event: unknown): CreatedObject {
  const parsed = eventSchema.safeParse(event);
  if (!parsed.success) throw invalid('LAKE_BAD_EVENT', `no event of a new object: ${z.prettifyError(parsed.error)}`);
  const { bucket, object } = parsed.data.detail;
  return { bucket: bucket.name, key: object.key };
}

/** The number in the key of a snapshot. */
export function snapshotIdOf({ key }: CreatedObject): number {
  return Number(/\d+$/.exec(key)?.[0] ?? 0);
}

/**
 * The table, or branch of one, whose snapshot the object is: `db.t`, `db.t$branch_b`.
 *
 * @param warehouse address of the warehouse, of which the bucket may be more
 * @returns undefined: it is no snapshot of a table of this warehouse
 */
export function tableOfSnapshot(warehouse: string, { bucket, key }: CreatedObject): string | undefined {
  const address = parseStoreUri(warehouse);
  if (address.kind !== 's3' || address.bucket !== bucket) return undefined;
  const folder = address.folder === '' ? '' : `${address.folder.replace(/\/+$/, '')}/`;
  if (!key.startsWith(folder)) return undefined;
  const parts = /^([^/]+)\/([^/]+)(?:\/branch\/branch-([^/]+))?\/snapshot\/snapshot-\d+$/.exec(
    key.slice(folder.length),
  );
  const database = databaseOfFolder(parts?.[1] ?? '');
  if (parts === null || database === undefined) return undefined;
  const [, , table = '', branch] = parts;
  return nameOf({ database, table, branch });
}

/** Folders may be called anything, and a name made of theirs must not be another table's: `t$branch_b` is no table. */
function nameOf(folders: Pick<Identifier, 'database' | 'table' | 'branch'>): string | undefined {
  const name = printIdentifier({ ...folders, systemTable: undefined });
  try {
    const { database, table, branch, systemTable } = parseIdentifier(name);
    const isSame = database === folders.database && table === folders.table && branch === folders.branch;
    return isSame && systemTable === undefined ? name : undefined;
  } catch (error) {
    if (isLakeError(error, 'LAKE_BAD_NAME')) return undefined;
    throw error;
  }
}
