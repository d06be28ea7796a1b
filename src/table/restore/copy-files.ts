/** Copies of data files, under names of their own and beside the files they come from. */
import { unsupported } from '../../base/errors.ts';
import { deserializeRow } from '../../format/binary-row.ts';
import { postponedBucket } from '../../format/bucket.ts';
import { fileIndexBytesMax } from '../../format/metadata-limits.ts';
import { formatOfFileName } from '../../format/paths.ts';
import type { PlannedFile } from '../commit/request.ts';
import { identifierKey, type PlacedFile } from '../live-files.ts';
import { fileMissing } from '../manifests.ts';
import { dataFileKey, type FilePlace } from '../read/file-source.ts';
import { partitionTypes, type Table } from '../table.ts';

/** Files in memory at a time. */
export const copiesInParallelMax = 2;

export class FileCopies {
  readonly #table: Table;
  readonly #uuid: string;
  readonly #copies = new Map<string, PlannedFile>();
  #count = 0;

  constructor(table: Table) {
    this.#table = table;
    this.#uuid = table.random.uuid();
  }

  /**
   * The file's copy; one that was made before unless that is among `tooOld`.
   *
   * @throws LakeError `corrupt` LAKE_FILE_MISSING; `unsupported` for files beside the table or with files beside them
   */
  async copyOf(placed: PlacedFile, tooOld: readonly PlannedFile[]): Promise<PlannedFile> {
    const key = identifierKey(placed);
    const made = this.#copies.get(key);
    if (made !== undefined && !tooOld.includes(made)) return made;
    const copy = await this.#copy(placed);
    this.#copies.set(key, copy);
    return copy;
  }

  async #copy({ partition, bucket, totalBuckets, file }: PlacedFile): Promise<PlannedFile> {
    const { label } = this.#table;
    if (file.externalPath !== undefined) throw unsupported('external paths', `restoring ${label}`);
    if (file.extraFiles.some(name => !name.startsWith(file.fileName))) {
      throw unsupported('files of another name beside a data file', `restoring ${label}`);
    }
    const place = { partitionValues: deserializeRow(partition, partitionTypes(this.#table.schema)), bucket };
    const fileName = this.#newName(file.fileName, bucket);
    const extraFiles = file.extraFiles.map(name => fileName + name.slice(file.fileName.length));
    const uploadBeganMs = this.#table.storeTimeMs();
    for (const [index, name] of extraFiles.entries()) {
      await this.#put(place, { from: file.extraFiles[index] ?? '', to: name, bytesMax: fileIndexBytesMax });
    }
    await this.#put(place, { from: file.fileName, to: fileName, bytesMax: Math.max(1, file.fileSize) });
    // Rows that wait for a bucket are taken up in the order of these times.
    const creationTimeMs = bucket === postponedBucket ? file.creationTimeMs : this.#table.clock.nowMs();
    const copied = { ...file, fileName, extraFiles, creationTimeMs };
    return { partition, bucket, totalBuckets, file: copied, uploadBeganMs };
  }

  async #put(
    place: FilePlace,
    { from, to, bytesMax }: { readonly from: string; readonly to: string; readonly bytesMax: number },
  ): Promise<void> {
    const { store } = this.#table;
    const key = dataFileKey(this.#table, place, from);
    const object = await store.get(key, { bytesMax });
    if (object === undefined) throw fileMissing(this.#table, key);
    await store.put(dataFileKey(this.#table, place, to), object.bytes);
  }

  /** Readers go by what a name ends in, and of rows that wait for a bucket by the writer in it. */
  #newName(name: string, bucket: number): string {
    this.#count += 1;
    const end = /-\d+((?:\.\w+)+)$/.exec(name)?.[1] ?? `.${formatOfFileName(name)}`;
    const writer = bucket === postponedBucket ? /^.*-w-/.exec(name)?.[0] : undefined;
    return `${writer ?? this.#table.options.files.dataPrefix}${this.#uuid}-${this.#count - 1}${end}`;
  }
}
