/**
 * Writes rows of one place as data files: encodes, measures, uploads. Rolls to a new file at the target size.
 * What it uploads is an orphan until a commit names it.
 */
import { assert, present } from '../../base/assert.ts';
import { fitsAvro } from '../../format/avro-data/record-type.ts';
import { emptyRow, serializeRow } from '../../format/binary-row.ts';
import { postponedBucket } from '../../format/bucket.ts';
import type { ColumnExtremes } from '../../format/column-extremes.ts';
import type { DataFileMeta, FileSource } from '../../format/data-file.ts';
import type { DataFileEncoder, LoadedRows, PackedRows } from '../../format/data-file-content.ts';
import { createDataFile, isKnownFormat } from '../../format/data-file-format.ts';
import { FileIndexBuilder } from '../../format/file-index/build-index.ts';
import { fileIndexSuffix } from '../../format/file-index/index-options.ts';
import { keyValueRowType, sequenceNumberField, toPhysical } from '../../format/parquet/data-file-layout.ts';
import { changelogFileName, dataFileName, postponedFileName, temporaryFileName } from '../../format/paths.ts';
import { emptyStats, keyStatsMode, StatsCollector, type StatsMode } from '../../format/stats.ts';
import { type FileFormat, formatAt, parseTableOptions, type TableOptions } from '../../format/table-options.ts';
import { fieldsNamed, type TableSchema, trimmedPrimaryKeys } from '../../format/table-schema.ts';
import { columnReader } from '../../types/column-reader.ts';
import type { RowType } from '../../types/data-type.ts';
import {
  batchBytes,
  columnOf,
  type KeyValueBatch,
  projectBatch,
  type RowBatch,
  sliceBatch,
} from '../../types/row-batch.ts';
import { isAdd } from '../../types/row-kind.ts';
import type { PlannedFile } from '../commit/request.ts';
import { dataFileKey } from '../read/file-source.ts';
import { type Table, targetFileBytes } from '../table.ts';
import type { Place } from './place-rows.ts';
import { type RunningUploads, runningUploadBytesMax } from './running-uploads.ts';
import { rangeOfNumbers } from './sequence-numbers.ts';

export type DataFileSettings = {
  /** The schema the rows are in and the file will name. */
  readonly schema: TableSchema;
  readonly level: number;
  readonly source: FileSource;
  /** A changelog file: named and listed as one, its rows in the order they changed the table. */
  readonly isChangelog?: boolean | undefined;
  /** Read once by who wrote it, and in no commit: without indexes. */
  readonly isTemporary?: boolean | undefined;
  /** Whose rows wait, where the place is that of rows without a bucket. */
  readonly postponedUser?: string | undefined;
  /** Takes over uploads of small files; without it all are there when `finish` returns. */
  readonly uploads?: RunningUploads | undefined;
};

/** Rows after which a file is looked at again, when it may be full: Paimon does so every thousand rows. */
const partRowsMin = 1_000;

export class DataFileWriter {
  readonly #table: Table;
  readonly #place: Place;
  readonly #settings: DataFileSettings;
  readonly #options: TableOptions;
  readonly #files: PlannedFile[] = [];
  readonly #targetBytes: number;
  readonly #uuid: string;
  #current: OpenFile | undefined;

  constructor(table: Table, place: Place, settings: DataFileSettings) {
    this.#table = table;
    this.#place = place;
    this.#settings = settings;
    this.#options = parseTableOptions(settings.schema);
    this.#targetBytes = targetFileBytes({ options: this.#options, workMemory: table.workMemory });
    this.#uuid = table.random.uuid();
  }

  /** Rows of a primary-key table, keys ascending over all calls and unique; those of a changelog in any order. */
  async writeKeyValues(batch: KeyValueBatch): Promise<void> {
    const { rows, kinds, sequenceNumbers } = batch;
    for (let start = 0; start < rows.rowCount; ) {
      this.#current ??= this.#open();
      const end = this.#endOfPart(this.#current, rows, start);
      await this.#current.addKeyValues({
        rows: sliceBatch(rows, start, end),
        kinds: kinds.subarray(start, end),
        sequenceNumbers: sequenceNumbers.subarray(start, end),
      });
      await this.#roll();
      start = end;
    }
  }

  /** Rows of an append table; they are numbered from `firstSequence` on. */
  async writeRows(rows: RowBatch, firstSequence: bigint): Promise<void> {
    for (let start = 0; start < rows.rowCount; ) {
      this.#current ??= this.#open();
      const end = this.#endOfPart(this.#current, rows, start);
      await this.#current.addRows(sliceBatch(rows, start, end), firstSequence + BigInt(start));
      await this.#roll();
      start = end;
    }
  }

  /** As `writeKeyValues`, of rows that go into the file as they are packed: adds alone, of a file with the same columns. */
  async writePacked(rows: PackedRows, loaded: LoadedRows): Promise<void> {
    const isPast = (file: OpenFile): boolean => file.estimatedBytes + rows.bytes > this.#targetBytes;
    if (this.#current !== undefined && isPast(this.#current)) {
      await this.#close(this.#current);
      this.#current = undefined;
    }
    this.#current ??= this.#open();
    await this.#current.addPacked(rows, loaded);
    await this.#roll();
  }

  /** As many rows of the batch as surely leave the file below its target, and some at least. */
  #endOfPart(file: OpenFile, rows: RowBatch, start: number): number {
    const rowBytes = Math.max(1, batchBytes(rows) / rows.rowCount);
    const room = Math.floor((this.#targetBytes - file.estimatedBytes) / rowBytes);
    return Math.min(rows.rowCount, start + Math.max(partRowsMin, room));
  }

  /** The files that came of it, in key order; uploaded, but for those that `uploads` has taken over. */
  async finish(): Promise<readonly PlannedFile[]> {
    if (this.#current !== undefined) await this.#close(this.#current);
    this.#current = undefined;
    return this.#files;
  }

  #open(): OpenFile {
    const { schema, level, isChangelog, isTemporary } = this.#settings;
    const isIndexed = isChangelog !== true && isTemporary !== true && !this.#isWaiting;
    const settings = { level, format: this.#format(), isIndexed, hasStats: !this.#isWaiting };
    return new OpenFile(schema, this.#options, settings);
  }

  get #isWaiting(): boolean {
    return this.#place.bucket === postponedBucket;
  }

  #format(): FileFormat {
    const { files } = this.#options;
    const { schema, level, isChangelog } = this.#settings;
    // They are read once, row by row, and soon; other programs write Parquet only where they must.
    if (this.#isWaiting && fitsAvro({ fields: schema.fields })) return 'avro';
    const format = (isChangelog === true ? files.changelogFormat : undefined) ?? formatAt(files, level);
    assert(isKnownFormat(format), () => `tables of format ${format} are refused`);
    return format;
  }

  #newName(): string {
    const { level, isChangelog, isTemporary, postponedUser } = this.#settings;
    const { files } = this.#options;
    const number = { uuid: this.#uuid, count: this.#files.length };
    if (this.#isWaiting) {
      // All writers are one: a compaction of any program has their files come in the order of their times.
      const writer = { user: present(postponedUser, 'a user'), writeId: 0, format: this.#format() };
      return postponedFileName(files, writer, number);
    }
    const name = (isChangelog === true ? changelogFileName : dataFileName)(files, number, level);
    return isTemporary === true ? temporaryFileName(name) : name;
  }

  /** Puts an index that is too large for the manifest beside its data file. @returns the names of files that were put */
  async #putIndex(fileName: string, index: Uint8Array | undefined): Promise<readonly string[]> {
    if (index === undefined || index.length <= this.#options.fileIndexes.inManifestBytesMax) return [];
    const indexName = `${fileName}${fileIndexSuffix}`;
    await this.#put(indexName, index);
    return [indexName];
  }

  async #roll(): Promise<void> {
    if (this.#current === undefined || this.#current.estimatedBytes < this.#targetBytes) return;
    await this.#close(this.#current);
    this.#current = undefined;
  }

  async #put(name: string, bytes: Uint8Array): Promise<void> {
    const upload = this.#table.store.put(dataFileKey(this.#table, this.#place, name), bytes);
    const { uploads } = this.#settings;
    await (uploads === undefined || bytes.length > runningUploadBytesMax ? upload : uploads.take(upload));
  }

  async #close(file: OpenFile): Promise<void> {
    const { bytes, meta, index } = await file.finish();
    const { level, source, schema } = this.#settings;
    const fileName = this.#newName();
    const uploadBeganMs = this.#table.storeTimeMs();
    const extraFiles = await this.#putIndex(fileName, index);
    await this.#put(fileName, bytes);
    const { partition, bucket, totalBuckets } = this.#place;
    const complete: DataFileMeta = {
      ...meta,
      extraFiles,
      embeddedIndex: extraFiles.length === 0 ? index : undefined,
      fileName,
      fileSize: bytes.length,
      schemaId: schema.id,
      level,
      creationTimeMs: this.#table.clock.nowMs(),
      fileSource: source,
    };
    this.#files.push({ partition, bucket, totalBuckets, file: complete, uploadBeganMs });
  }
}

type FileFacts = Omit<
  DataFileMeta,
  'fileName' | 'fileSize' | 'schemaId' | 'level' | 'creationTimeMs' | 'fileSource' | 'extraFiles' | 'embeddedIndex'
>;

type FinishedFile = {
  readonly bytes: Uint8Array;
  readonly meta: FileFacts;
  /** The file index, where the table wants one. */
  readonly index: Uint8Array | undefined;
};

const noStats = (): StatsMode => ({ kind: 'none' });

type OpenFileSettings = {
  readonly level: number;
  readonly format: FileFormat;
  readonly isIndexed: boolean;
  readonly hasStats: boolean;
};

/** One file in the making. */
class OpenFile {
  readonly #schema: TableSchema;
  readonly #keyNames: readonly string[];
  readonly #thin: boolean;
  readonly #rowType: RowType;
  readonly #encoder: DataFileEncoder;
  readonly #keyStats: StatsCollector;
  readonly #valueStats: StatsCollector | undefined;
  readonly #index: FileIndexBuilder | undefined;
  #rowCount = 0;
  #deleteRowCount = 0;
  #minKey: Uint8Array = emptyRow;
  #maxKey: Uint8Array = emptyRow;
  #minSequence: bigint | undefined;
  #maxSequence = -1n;

  constructor(schema: TableSchema, options: TableOptions, { level, format, isIndexed, hasStats }: OpenFileSettings) {
    const { files, stats } = options;
    const hasKey = schema.primaryKeys.length > 0;
    this.#schema = schema;
    this.#keyNames = hasKey ? trimmedPrimaryKeys(schema) : [];
    this.#thin = files.thinMode;
    this.#rowType = hasKey ? keyValueRowType(schema, files.thinMode) : { fields: schema.fields };
    this.#encoder = createDataFile(files, { format, level, rowType: this.#rowType });
    this.#keyStats = new StatsCollector(
      { fields: fieldsNamed(schema, this.#keyNames) },
      hasStats ? keyStatsMode : noStats,
    );
    this.#valueStats = hasStats ? new StatsCollector({ fields: schema.fields }, stats.modeOf) : undefined;
    this.#index = isIndexed ? new FileIndexBuilder(schema) : undefined;
  }

  get estimatedBytes(): number {
    return this.#encoder.estimatedBytes;
  }

  async addKeyValues(batch: KeyValueBatch): Promise<void> {
    const { rows, kinds, sequenceNumbers } = batch;
    if (this.#rowCount === 0) this.#minKey = this.#keyAt(rows, 0);
    this.#maxKey = this.#keyAt(rows, rows.rowCount - 1);
    for (let row = 0; row < kinds.length; row += 1) if (!isAdd(kinds[row] ?? 0)) this.#deleteRowCount += 1;
    const { min, max } = rangeOfNumbers(sequenceNumbers);
    if (this.#minSequence === undefined || min < this.#minSequence) this.#minSequence = min;
    if (max > this.#maxSequence) this.#maxSequence = max;
    if (!this.#encoder.findsExtremes) this.#keyStats.append(projectBatch(rows, this.#keyNames));
    this.#addStats(rows);
    this.#index?.append(rows);
    this.#rowCount += rows.rowCount;
    await this.#encoder.append(toPhysical(batch, this.#schema, this.#thin));
  }

  async addPacked(rows: PackedRows, { packed, edges }: LoadedRows): Promise<void> {
    if (this.#rowCount === 0) this.#minKey = this.#keyAt(edges, 0);
    this.#maxKey = this.#keyAt(edges, edges.rowCount - 1);
    const place = this.#rowType.fields.findIndex(({ name }) => name === sequenceNumberField.name);
    const { min, max } = present(rows.extremes[place], 'extremes of sequence numbers');
    assert(typeof min === 'bigint' && typeof max === 'bigint', 'sequence numbers have bounds');
    if (this.#minSequence === undefined || min < this.#minSequence) this.#minSequence = min;
    if (max > this.#maxSequence) this.#maxSequence = max;
    this.#rowCount += rows.rowCount;
    const append = present(this.#encoder.appendPacked?.bind(this.#encoder), 'a format that takes packed rows');
    await append(rows, packed);
  }

  async addRows(rows: RowBatch, firstSequence: bigint): Promise<void> {
    this.#minSequence ??= firstSequence;
    this.#maxSequence = firstSequence + BigInt(rows.rowCount) - 1n;
    this.#addStats(rows);
    this.#index?.append(rows);
    this.#rowCount += rows.rowCount;
    await this.#encoder.append(rows);
  }

  /** Where the encoder finds the extremes, they are taken from it in the end. */
  #addStats(rows: RowBatch): void {
    if (!this.#encoder.findsExtremes) this.#valueStats?.append(rows);
  }

  /** @param extremes of the columns in the file */
  #takeExtremes(extremes: readonly (ColumnExtremes | undefined)[]): void {
    const places = new Map(this.#rowType.fields.map(({ name }, index) => [name, index]));
    const ofColumns = (names: readonly string[]): readonly (ColumnExtremes | undefined)[] =>
      names.map(name => extremes[present(places.get(name), `column ${name}`)]);
    this.#keyStats.appendFound(ofColumns(this.#keyNames));
    this.#valueStats?.appendFound(ofColumns(this.#schema.fields.map(({ name }) => name)));
  }

  async finish(): Promise<FinishedFile> {
    const { bytes, rowCount, extremes } = await this.#encoder.finish();
    for (const part of extremes) this.#takeExtremes(part);
    assert(rowCount === this.#rowCount, () => `the file has ${rowCount} rows, ${this.#rowCount} were written`);
    const meta: FileFacts = {
      rowCount,
      minKey: this.#minKey,
      maxKey: this.#maxKey,
      keyStats: this.#keyNames.length === 0 ? emptyStats : this.#keyStats.finish(),
      valueStats: this.#valueStats?.finish() ?? emptyStats,
      minSequenceNumber: present(this.#minSequence, 'a sequence number'),
      maxSequenceNumber: this.#maxSequence,
      deleteRowCount: this.#deleteRowCount,
      valueStatsCols: this.#valueStats === undefined ? [] : undefined,
      externalPath: undefined,
      firstRowId: undefined,
      writeCols: undefined,
    };
    return { bytes, meta, index: this.#index?.finish() };
  }

  #keyAt(rows: RowBatch, row: number): Uint8Array {
    const fields = fieldsNamed(this.#schema, this.#keyNames);
    const values = fields.map(field => columnReader(columnOf(rows, field.name), field.type)(row));
    return serializeRow(
      fields.map(field => field.type),
      values,
    );
  }
}
