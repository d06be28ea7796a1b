/**
 * Entries into manifests: as many files as their size asks for, each with what its list says of it. Pure but for chance.
 */
import { assert } from '../base/assert.ts';
import { encodeManifest, type ManifestEntry, type ManifestFileMeta } from '../format/manifest.ts';
import { manifestFileMeta } from '../format/manifest-list.ts';
import { manifestName } from '../format/paths.ts';
import type { ManifestOptions } from '../format/table-options.ts';
import type { DataType } from '../types/data-type.ts';

export type PackedManifest = {
  readonly meta: ManifestFileMeta;
  readonly bytes: Uint8Array;
  readonly entries: readonly ManifestEntry[];
};

export type PackSettings = Pick<ManifestOptions, 'targetBytes' | 'codec'> & {
  readonly partitionTypes: readonly DataType[];
  /** The names: one uuid for the commit and a counter. */
  readonly uuid: string;
  readonly nextCount: () => number;
};

/** Encoded at a time before its size is known. */
const firstTryEntriesMax = 20_000;
/** A part is aimed a little above the target, so that it counts as full and is not merged again. */
const aim = 1.03;
/** A part this much above the target is cut again. */
const overshootMax = 1.2;
const cutTriesMax = 8;

/**
 * Rolls to a new file when the target is reached, as Paimon does: all but the last are at or above the target. An empty
 * manifest is never made: no entries, no manifest.
 */
export function packManifests(entries: readonly ManifestEntry[], settings: PackSettings): PackedManifest[] {
  const packed: PackedManifest[] = [];
  let partEntries = firstTryEntriesMax;
  for (let start = 0; start < entries.length; ) {
    let part = entries.slice(start, start + partEntries);
    let bytes = encodeManifest(part, settings.codec);
    for (let tries = 0; tries < cutTriesMax; tries += 1) {
      const isLast = start + part.length === entries.length;
      const fits = bytes.byteLength >= settings.targetBytes || isLast;
      if (fits && bytes.byteLength <= settings.targetBytes * overshootMax) break;
      partEntries = Math.max(1, Math.ceil((part.length * settings.targetBytes * aim) / bytes.byteLength));
      if (isLast && partEntries >= part.length) break;
      part = entries.slice(start, start + partEntries);
      bytes = encodeManifest(part, settings.codec);
    }
    const fileName = manifestName({ uuid: settings.uuid, count: settings.nextCount() });
    const file = { fileName, fileSize: bytes.byteLength, partitionTypes: settings.partitionTypes };
    packed.push({ meta: manifestFileMeta(part, file), bytes, entries: part });
    start += part.length;
  }
  assert(packed.reduce((sum, { entries: part }) => sum + part.length, 0) === entries.length, 'every entry is packed');
  return packed;
}
