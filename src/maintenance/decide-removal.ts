/**
 * Which data files a commit has taken out of the table (spec 10.6). Pure.
 */
import type { ManifestEntry } from '../format/manifest.ts';
import { type PlacedFile, partitionKey } from '../table/live-files.ts';

/**
 * The files that a delta deletes and does not add again. A file that only changes its level is deleted and added under one
 * name: it stays.
 */
export function filesRemovedBy(delta: readonly ManifestEntry[]): readonly PlacedFile[] {
  const added = new Set<string>();
  for (const entry of delta) if (entry.kind === 'add') added.add(placeKey(entry));
  // What is left are deletions: of what is added nothing is.
  return delta.filter(entry => !added.has(placeKey(entry)));
}

/** Rows of writers are changes; those of compactions have been there before. A file that does not say is a writer's. */
export function isCompacted({ file }: PlacedFile): boolean {
  return file.fileSource === 'compact';
}

/** Where a file physically is; unlike an identifier this has no level. */
function placeKey({ partition, bucket, file }: PlacedFile): string {
  return `${file.externalPath}|${file.fileName}|${bucket}|${partitionKey(partition)}`;
}

/** What may go of what goes away, given what others still need. */
export function withoutNeeded(
  going: ReadonlyMap<string, number>,
  needed: ReadonlySet<string> | ReadonlyMap<string, unknown>,
): ReadonlyMap<string, number> {
  return new Map([...going].filter(([name]) => !needed.has(name)));
}
