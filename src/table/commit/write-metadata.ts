/**
 * Writing what a snapshot names: manifests of the plan, merged manifests, and the two or three lists, all at once.
 *
 * One `MetadataWriter` serves all attempts of a commit. Lists are new for every attempt, since the delta list's name is the
 * snapshot's identity; manifests and merges are kept over a lost swap (S4) while the plan is the same and they are young
 * (S7).
 */
import { mapBounded } from '../../base/concurrency.ts';
import type { ManifestEntry, ManifestFileMeta } from '../../format/manifest.ts';
import { encodeManifestList } from '../../format/manifest-list.ts';
import { manifestListName, manifestPath } from '../../format/paths.ts';
import type { PlacedFile } from '../live-files.ts';
import { type PackedManifest, type PackSettings, packManifests } from '../manifest-write.ts';
import { rememberList, rememberManifest } from '../manifests.ts';
import { partitionTypes, type Table } from '../table.ts';
import type { TableBase } from './base.ts';
import { uploadIsYoung } from './decide-guards.ts';
import type { WrittenList } from './decide-snapshot.ts';
import { metadataConcurrencyMax } from './limits.ts';
import { applyMerges, type KeptMerge, mergeManifests } from './merge-manifests.ts';
import type { CommitPlan } from './request.ts';

export type WrittenMetadata = {
  readonly baseList: WrittenList;
  readonly deltaList: WrittenList;
  readonly changelogList: WrittenList | undefined;
  /** What the snapshot's live files are read from: base list before delta list. */
  readonly manifests: readonly ManifestFileMeta[];
};

type KeptManifests = {
  readonly entries: readonly ManifestEntry[];
  readonly metas: readonly ManifestFileMeta[];
  readonly uploadBeganMs: number;
};

/**
 * A compaction has read the small manifests that lie at the end of the list, and nobody waits for it: it makes one of so
 * many of them, long before there are as many as an append takes for a reason. So readers find few.
 */
const tidiedCountMin = 10;

type MergeOptions = {
  readonly isYoung: (kept: KeptMerge) => boolean;
  readonly uploads: Upload[];
  readonly kind: CommitPlan['kind'];
};

type Upload = { readonly key: string; readonly bytes: Uint8Array };

export class MetadataWriter {
  readonly #table: Table;
  readonly #pack: PackSettings;
  #delta: KeptManifests | undefined;
  #changelog: KeptManifests | undefined;
  #merges: readonly KeptMerge[] = [];
  #mergeReadCount = 0;
  #mergeWriteCount = 0;

  constructor(table: Table) {
    let count = 0;
    const nextCount = (): number => {
      count += 1;
      return count - 1;
    };
    const { targetBytes, codec } = table.options.manifests;
    this.#table = table;
    this.#pack = {
      targetBytes,
      codec,
      partitionTypes: partitionTypes(table.schema),
      uuid: table.random.uuid(),
      nextCount,
    };
  }

  /** Manifests read and written for merges so far. */
  get mergeCounts(): { readonly get: number; readonly put: number } {
    return { get: this.#mergeReadCount, put: this.#mergeWriteCount };
  }

  /** Puts everything; resolves when all of it is there. */
  async write(base: TableBase, plan: CommitPlan): Promise<WrittenMetadata> {
    const uploads: Upload[] = [];
    const beganMs = this.#table.storeTimeMs();
    const isYoung = (kept: { readonly uploadBeganMs: number }): boolean =>
      uploadIsYoung(kept.uploadBeganMs, base.storeTimeMs);
    const keep = (kept: KeptManifests | undefined, entries: readonly ManifestEntry[]): KeptManifests => {
      if (kept !== undefined && isYoung(kept) && sameEntries(kept.entries, entries)) return kept;
      const packed = packManifests(entries, this.#pack);
      uploads.push(...packed.map(manifest => this.#manifestUpload(manifest)));
      return { entries, metas: packed.map(({ meta }) => meta), uploadBeganMs: beganMs };
    };
    const delta = keep(this.#delta, deltaEntries(plan));
    const changelog = keep(this.#changelog, entriesOf(plan.changelog, 'add'));
    const merged = plan.emptied
      ? { metas: [], merges: [] }
      : await this.#mergedBase(base, { isYoung, uploads, kind: plan.kind });
    const baseMetas = merged.metas;
    const uuid = this.#table.random.uuid();
    const list = (metas: readonly ManifestFileMeta[], count: number): WrittenList => {
      const name = manifestListName({ uuid, count });
      const bytes = encodeManifestList(metas, this.#pack.codec);
      rememberList(this.#table.caches, name, metas);
      uploads.push({ key: this.#keyOf(name), bytes });
      return { name, sizeBytes: bytes.byteLength };
    };
    const written = {
      baseList: list(baseMetas, 0),
      deltaList: list(delta.metas, 1),
      changelogList: plan.changelog.length === 0 ? undefined : list(changelog.metas, 2),
      manifests: [...baseMetas, ...delta.metas],
    };
    await mapBounded(uploads, metadataConcurrencyMax, ({ key, bytes }) => this.#table.store.put(key, bytes));
    this.#delta = delta;
    this.#changelog = changelog;
    this.#merges = [...this.#merges, ...merged.merges];
    return written;
  }

  /** The base's manifests with merges kept from an earlier attempt, or new ones where they are due. */
  async #mergedBase(
    base: TableBase,
    { isYoung, uploads, kind }: MergeOptions,
  ): Promise<{ readonly metas: readonly ManifestFileMeta[]; readonly merges: readonly KeptMerge[] }> {
    const kept = applyMerges(base.manifests, this.#merges.filter(isYoung));
    const { mergeCountMin } = this.#table.options.manifests;
    const countMin = kind === 'COMPACT' ? Math.min(mergeCountMin, tidiedCountMin) : mergeCountMin;
    const { merges, readCount } = await mergeManifests(this.#table, kept, { ...this.#pack, mergeCountMin: countMin });
    const packed = merges.flatMap(({ outputs }) => outputs);
    uploads.push(...packed.map(manifest => this.#manifestUpload(manifest)));
    this.#mergeReadCount += readCount;
    this.#mergeWriteCount += packed.length;
    const made = merges.map(({ inputs, outputs, uploadBeganMs }) => ({
      inputs: inputs.map(({ fileName }) => fileName),
      outputs: outputs.map(({ meta }) => meta),
      uploadBeganMs,
    }));
    return { metas: applyMerges(kept, made), merges: made };
  }

  #manifestUpload({ meta, bytes, entries }: PackedManifest): Upload {
    rememberManifest(this.#table.caches, meta, entries);
    return { key: this.#keyOf(meta.fileName), bytes };
  }

  #keyOf(name: string): string {
    return `${this.#table.path}/${manifestPath(name)}`;
  }
}

/** DELETE before ADD: an expiry that reads in order must see an upgraded file come back (spec 4.5). */
function deltaEntries(plan: CommitPlan): readonly ManifestEntry[] {
  return [...entriesOf(plan.deletes, 'delete'), ...entriesOf(plan.adds, 'add')];
}

function entriesOf(files: readonly PlacedFile[], kind: ManifestEntry['kind']): readonly ManifestEntry[] {
  return files.map(({ partition, bucket, totalBuckets, file }) => ({ kind, partition, bucket, totalBuckets, file }));
}

/** The same objects in the same places: a plan that was not made anew. */
function sameEntries(a: readonly ManifestEntry[], b: readonly ManifestEntry[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((entry, index) => {
    const other = b[index];
    return entry.kind === other?.kind && entry.file === other.file && entry.bucket === other.bucket;
  });
}
