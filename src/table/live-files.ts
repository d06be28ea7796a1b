/**
 * Which files live, from the entries of manifests (spec 4.5): every ADD whose identifier is not DELETEd anywhere in the
 * same set of manifests. The order of entries does not matter, and an identifier never comes back once it was deleted.
 */
import { emptyRow } from '../format/binary-row.ts';
import type { ManifestEntry } from '../format/manifest.ts';

/** A data file in its place: a manifest entry without its kind. */
export type PlacedFile = Omit<ManifestEntry, 'kind'>;

const unpartitionedKey = '\0'.repeat(emptyRow.length);

/** A map key for the partition's bytes. */
export function partitionKey(partition: Uint8Array): string {
  if (isEmptyRow(partition)) return unpartitionedKey;
  return Buffer.from(partition.buffer, partition.byteOffset, partition.byteLength).toString('latin1');
}

/** Whether it is the partition of a table without any: all zero. */
function isEmptyRow(partition: Uint8Array): boolean {
  if (partition.length !== emptyRow.length) return false;
  for (const byte of partition) if (byte !== 0) return false;
  return true;
}

/** A map key for a bucket of a partition. */
export function bucketKey(place: Pick<PlacedFile, 'partition' | 'bucket'>): string {
  return `${place.bucket}/${partitionKey(place.partition)}`;
}

/**
 * A map key for what makes two entries speak of the same file: partition, bucket, level, name, extra files, embedded
 * index, external path. @see Paimon 1.4.2 FileEntry.Identifier
 */
export function identifierKey({ partition, bucket, file }: PlacedFile): string {
  const key = `${file.fileName}|${file.level}|${bucket}|${partitionKey(partition)}`;
  if (file.extraFiles.length === 0 && file.embeddedIndex === undefined && file.externalPath === undefined) return key;
  const index = file.embeddedIndex === undefined ? '-' : partitionKey(file.embeddedIndex);
  return `${key}|${JSON.stringify([file.extraFiles, file.externalPath ?? null])}|${index}`;
}

/** The live ones among the entries, in their order. */
export function liveAmong(entries: readonly ManifestEntry[]): ManifestEntry[] {
  const deleted = new Set<string>();
  for (const entry of entries) if (entry.kind === 'delete') deleted.add(identifierKey(entry));
  if (deleted.size === 0) return entries.slice();
  return entries.filter(entry => entry.kind === 'add' && !deleted.has(identifierKey(entry)));
}
