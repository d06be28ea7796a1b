/** Copies of data files, under names of their own and beside the files they come from. */
import { unsupported } from '../../base/errors.ts';
import { deserializeRow } from '../../format/binary-row.ts';
import { postponedBucket } from '../../format/bucket.ts';
import { fileIndexBytesMax } from '../../format/metadata-limits.ts';
import { formatOfFileName } from '../../format/paths.ts';
import { postponedFeature } from '../../format/table-options.ts';
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
    // Their names say who wrote them and so in what order they come.
    if (bucket === postponedBucket) throw unsupported(postponedFeature, `restoring ${label}`);
    if (file.externalPath !== undefined) throw unsupported('external paths', `restoring ${label}`);
    if (file.extraFiles.some(name => !name.startsWith(file.fileName))) {
      throw unsupported('files of another name beside a data file', `restoring ${label}`);
    }
    const place = { partitionValues: deserializeRow(partition, partitionTypes(this.#table.schema)), bucket };
    const fileName = this.#newName(file.fileName);
    const extraFiles = file.extraFiles.map(name => fileName + name.slice(file.fileName.length));
    const uploadBeganMs = this.#table.storeTimeMs();
    for (const [index, name] of extraFiles.entries()) {
      await this.#put(place, { from: file.extraFiles[index] ?? '', to: name, bytesMax: fileIndexBytesMax });
    }
    await this.#put(place, { from: file.fileName, to: fileName, bytesMax: Math.max(1, file.fileSize) });
    const copied = { ...file, fileName, extraFiles, creationTimeMs: this.#table.clock.nowMs() };
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

  /** Readers go by what a name ends in. */
  #newName(name: string): string {
    this.#count += 1;
    const end = /-\d+((?:\.\w+)+)$/.exec(name)?.[1] ?? `.${formatOfFileName(name)}`;
    return `${this.#table.options.files.dataPrefix}${this.#uuid}-${this.#count - 1}${end}`;
  }
}
