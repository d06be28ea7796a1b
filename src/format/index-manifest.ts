/**
 * Index manifests: one Avro file with all live index files of a table (hash indexes, deletion vectors). Read here only as
 * far as files must be told apart that are still wanted.
 *
 * @see spec 8.6, Paimon 1.4.2 IndexManifestFile
 */
import { countField, fileNameField, optionalText } from './avro-fields.ts';
import { decodeRecords } from './manifest.ts';

export type IndexFileMeta = {
  readonly fileName: string;
  readonly fileSize: number;
  readonly externalPath: string | undefined;
};

/**
 * @param where the file's name, for messages
 * @throws LakeError `corrupt` LAKE_CORRUPT_AVRO, `unsupported` for a codec that we do not know
 */
export function decodeIndexManifest(bytes: Uint8Array, where: string): IndexFileMeta[] {
  return decodeRecords(bytes, where, record => ({
    fileName: fileNameField(record['_FILE_NAME'], '_FILE_NAME'),
    fileSize: countField(record['_FILE_SIZE'], '_FILE_SIZE'),
    externalPath: optionalText(record['_EXTERNAL_PATH'], '_EXTERNAL_PATH'),
  }));
}
