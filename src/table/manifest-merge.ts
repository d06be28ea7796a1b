/**
 * When and which manifests of a base list are merged, so that plans stay short (spec 4.6). Pure: sizes in, decision out.
 *
 * @see Paimon 1.4.2 ManifestFileMerger
 */
import type { ManifestEntry, ManifestFileMeta } from '../format/manifest.ts';
import type { ManifestOptions } from '../format/table-options.ts';
import { identifierKey } from './live-files.ts';

export type ManifestMerge =
  | { readonly kind: 'none' }
  /** Each group, neighbours in the list, becomes one manifest; DELETEs whose ADD is elsewhere stay. */
  | { readonly kind: 'minor'; readonly groups: readonly (readonly ManifestFileMeta[])[] }
  /** All DELETEs are worked off: `rewritten` go for sure, `suspects` only when they hold a deleted file. */
  | {
      readonly kind: 'full';
      readonly rewritten: readonly ManifestFileMeta[];
      readonly suspects: readonly ManifestFileMeta[];
    };

export type MergeSettings = Pick<ManifestOptions, 'targetBytes' | 'fullCompactionBytes' | 'mergeCountMin'>;

export function decideManifestMerge(metas: readonly ManifestFileMeta[], settings: MergeSettings): ManifestMerge {
  const unsettled = metas.filter(meta => meta.numDeletedFiles > 0 || meta.fileSize < settings.targetBytes);
  if (unsettled.length > 1 && bytesOf(unsettled) >= settings.fullCompactionBytes) {
    const suspects = unsettled.some(meta => meta.numDeletedFiles > 0)
      ? metas.filter(meta => meta.numDeletedFiles === 0 && meta.fileSize >= settings.targetBytes)
      : [];
    return { kind: 'full', rewritten: unsettled, suspects };
  }
  const groups = minorGroups(metas, settings);
  return groups.length === 0 ? { kind: 'none' } : { kind: 'minor', groups };
}

/**
 * Neighbours are gathered until they reach the target. What is left at the end is merged when it is many, without those
 * at its beginning that are larger than all after them: so an entry is rewritten a logarithmic number of times.
 */
function minorGroups(metas: readonly ManifestFileMeta[], settings: MergeSettings): ManifestFileMeta[][] {
  const groups: ManifestFileMeta[][] = [];
  let group: ManifestFileMeta[] = [];
  let bytes = 0;
  for (const meta of metas) {
    group.push(meta);
    bytes += meta.fileSize;
    if (bytes < settings.targetBytes) continue;
    if (group.length > 1) groups.push(group);
    group = [];
    bytes = 0;
  }
  let first = 0;
  for (const meta of group) {
    bytes -= meta.fileSize;
    if (meta.fileSize <= bytes) break;
    first += 1;
  }
  const rest = group.slice(first);
  if (rest.length > 1 && rest.length >= settings.mergeCountMin) groups.push(rest);
  return groups;
}

/** Entries of neighbouring manifests as one: an ADD and its DELETE cancel, a DELETE without its ADD stays. */
export function mergeEntries(entries: readonly ManifestEntry[]): readonly ManifestEntry[] {
  if (areDistinctAdds(entries)) return entries;
  const merged = new Map<string, ManifestEntry>();
  for (const entry of entries) {
    const key = identifierKey(entry);
    if (entry.kind === 'delete' && merged.get(key)?.kind === 'add') merged.delete(key);
    else merged.set(key, entry);
  }
  return [...merged.values()];
}

/** Most often nothing cancels, and the names alone show it. */
function areDistinctAdds(entries: readonly ManifestEntry[]): boolean {
  const names = new Set<string>();
  for (const { kind, file } of entries) {
    if (kind === 'delete') return false;
    names.add(file.fileName);
  }
  return names.size === entries.length;
}

function bytesOf(metas: readonly ManifestFileMeta[]): number {
  return metas.reduce((sum, meta) => sum + meta.fileSize, 0);
}
