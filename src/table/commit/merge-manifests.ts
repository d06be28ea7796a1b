/**
 * Carrying out a merge of manifests: which is decided in manifest-merge.ts, here it is read and packed.
 */
import { mapBounded } from '../../base/concurrency.ts';
import type { ManifestEntry, ManifestFileMeta } from '../../format/manifest.ts';
import { identifierKey, partitionKey } from '../live-files.ts';
import { decideManifestMerge, mergeEntries } from '../manifest-merge.ts';
import { inOrderOfPlaces } from '../manifest-order.ts';
import { type PackedManifest, type PackSettings, packManifests } from '../manifest-write.ts';
import { manifestMayMatch, readManifest } from '../manifests.ts';
import { partitionPruner } from '../partition-pruning.ts';
import type { Table } from '../table.ts';
import { metadataConcurrencyMax } from './limits.ts';

/** Manifests that stand for others, neighbours or all of a base. */
export type KeptMerge = {
  readonly inputs: readonly string[];
  readonly outputs: readonly ManifestFileMeta[];
  readonly uploadBeganMs: number;
};

export type MadeMerge = {
  readonly inputs: readonly ManifestFileMeta[];
  readonly outputs: readonly PackedManifest[];
  readonly uploadBeganMs: number;
};

/**
 * What is due on this base list; nothing is written yet. `readCount`: manifests that had to be fetched.
 *
 * @param pack `mergeCountMin`: with so many small ones at the end they are merged; the table's own unless told otherwise
 */
export async function mergeManifests(
  table: Table,
  metas: readonly ManifestFileMeta[],
  pack: PackSettings & { readonly mergeCountMin?: number | undefined },
): Promise<{ readonly merges: readonly MadeMerge[]; readonly readCount: number }> {
  const { manifests } = table.options;
  const { mergeCountMin = manifests.mergeCountMin } = pack;
  const merge = decideManifestMerge(metas, { ...manifests, mergeCountMin });
  if (merge.kind === 'none') return { merges: [], readCount: 0 };
  const uploadBeganMs = table.storeTimeMs();
  let readCount = 0;
  const read = (meta: ManifestFileMeta): Promise<readonly ManifestEntry[]> => {
    if (table.caches.entries.get(meta.fileName) === undefined) readCount += 1;
    return readManifest(table, meta);
  };
  const merges: MadeMerge[] = [];
  if (merge.kind === 'full') {
    merges.push({ ...(await fullMerge(metas, merge, { read, pack })), uploadBeganMs });
  } else {
    for (const inputs of merge.groups) {
      // One after the other they would take as many round trips, in which rivals win.
      const entries = (await mapBounded(inputs, metadataConcurrencyMax, read)).flat();
      merges.push({
        inputs,
        outputs: packManifests(inOrderOfPlaces(mergeEntries(entries), pack.partitionTypes), pack),
        uploadBeganMs,
      });
    }
  }
  return { merges, readCount };
}

/** The list with each merge's outputs in the place of its first input; a merge of which an input has gone is left out. */
export function applyMerges(
  metas: readonly ManifestFileMeta[],
  merges: readonly KeptMerge[],
): readonly ManifestFileMeta[] {
  let list = metas;
  for (const { inputs, outputs } of merges) {
    const replaced = new Set(inputs);
    const present = list.filter(({ fileName }) => replaced.has(fileName));
    if (present.length !== inputs.length) continue;
    const first = present[0];
    list = list.flatMap(meta => (meta === first ? outputs : replaced.has(meta.fileName) ? [] : [meta]));
  }
  return list;
}

/** Entries are packed once they are estimated to fill this many manifests. */
const flushFactor = 1.2;

type MergeWork = {
  readonly read: (meta: ManifestFileMeta) => Promise<readonly ManifestEntry[]>;
  readonly pack: PackSettings;
};

/** Works off all DELETEs of the base. One input is in memory at a time, and what is kept of the small ones. */
async function fullMerge(
  metas: readonly ManifestFileMeta[],
  {
    rewritten,
    suspects,
  }: { readonly rewritten: readonly ManifestFileMeta[]; readonly suspects: readonly ManifestFileMeta[] },
  { read, pack }: MergeWork,
): Promise<Pick<MadeMerge, 'inputs' | 'outputs'>> {
  const deleted = new Set<string>();
  const buckets = new Set<number>();
  const partitions = new Map<string, Uint8Array>();
  for (const meta of metas) {
    if (meta.numDeletedFiles === 0) continue;
    for (const entry of await read(meta)) {
      if (entry.kind !== 'delete') continue;
      deleted.add(identifierKey(entry));
      buckets.add(entry.bucket);
      partitions.set(partitionKey(entry.partition), entry.partition);
    }
  }
  // Of the suspects only those are read that may speak of a bucket in which something goes.
  const filter = { buckets, mayMatch: partitionPruner([...partitions.values()], pack.partitionTypes) };
  const suspected = new Set(suspects.filter(meta => manifestMayMatch(meta, filter)));
  const surely = new Set(rewritten);
  // Neither what goes nor the entry that says so.
  const isKept = (entry: ManifestEntry): boolean => !deleted.has(identifierKey(entry));
  const inputs: ManifestFileMeta[] = [];
  const outputs: PackedManifest[] = [];
  let entries: ManifestEntry[] = [];
  let bytes = 0;
  for (const meta of metas) {
    if (!surely.has(meta) && !suspected.has(meta)) continue;
    const all = await read(meta);
    const kept = all.filter(isKept);
    if (suspected.has(meta) && kept.length === all.length) continue;
    inputs.push(meta);
    for (const entry of kept) entries.push(entry);
    bytes += (meta.fileSize * kept.length) / all.length;
    if (bytes < pack.targetBytes * flushFactor) continue;
    entries = [...inOrderOfPlaces(entries, pack.partitionTypes)];
    // One that is not full would count as unsettled at once: its entries go on to the next.
    const full = packManifests(entries, pack).filter(({ meta: made }) => made.fileSize >= pack.targetBytes);
    outputs.push(...full);
    entries = entries.slice(full.reduce((sum, { entries: part }) => sum + part.length, 0));
    bytes -= full.reduce((sum, { meta: made }) => sum + made.fileSize, 0);
  }
  outputs.push(...packManifests(inOrderOfPlaces(entries, pack.partitionTypes), pack));
  return { inputs, outputs };
}
