/** Tags whose time is over. Their data goes with expiry and with the orphans. @see Paimon 1.4.2 TagTimeExpire */
import type { Table } from '../table.ts';
import { type StoredTag, storedTags, tagKey } from './manage-tags.ts';

export type ExpireTagsOptions = {
  /** Tags made before that go, too, whatever they say of themselves; one that says nothing is as old as its file. */
  readonly olderThanMs?: number | undefined;
};

/** @returns names of the tags that went */
export async function expireTags(table: Table, options: ExpireTagsOptions = {}): Promise<readonly string[]> {
  const tags = await storedTags(table);
  // By the store's clock, which is at or after the answers just read.
  const nowMs = table.storeTimeMs();
  const expired = tags.filter(tag => isOver(tag, nowMs, options.olderThanMs));
  for (const { name } of expired) await table.store.delete(tagKey(table, name));
  return expired.map(({ name }) => name);
}

function isOver(
  { createTimeMs, retainedMs, file }: StoredTag,
  nowMs: number,
  olderThanMs: number | undefined,
): boolean {
  if (createTimeMs !== undefined && retainedMs !== undefined && nowMs > createTimeMs + retainedMs) return true;
  return olderThanMs !== undefined && (createTimeMs ?? file.lastModifiedMs) < olderThanMs;
}
