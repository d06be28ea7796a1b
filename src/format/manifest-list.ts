/**
 * Manifest lists: Avro files that name the manifests of a snapshot and say what is known of their entries.
 *
 * @see spec 4.2, Paimon 1.4.2 ManifestList, ManifestFileMetaSerializer
 */
import type { ManifestFileMeta } from './manifest.ts';

/** The bytes of a manifest list; of no manifests, too. */
export function encodeManifestList(_metas: readonly ManifestFileMeta[]): Uint8Array {
  throw new Error('not yet');
}

/**
 * @param where the file's name, for messages
 * @throws LakeError `corrupt` LAKE_CORRUPT_AVRO, `unsupported` for a codec or version that we do not know
 */
export function decodeManifestList(_bytes: Uint8Array, _where: string): ManifestFileMeta[] {
  throw new Error('not yet');
}
