/**
 * Rows on their way into one commit: buffered by place, sorted and merged, numbered above what is live, written as
 * level-0 files, and planned. Plain writers and ingest both hold one for each commit.
 *
 * Numbering (DESIGN S6): rows get numbers above the bucket's largest at the base of the commit. When another commit came
 * between, the files are numbered and written again; their rows are kept in memory, or read back if they were spilled.
 */
import { assert } from '../../base/assert.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { unsupported } from '../../base/errors.ts';
import { parseTableOptions, refusedFeatures, type TableOptions } from '../../format/table-options.ts';
import { type TableSchema, trimmedPrimaryKeys } from '../../format/table-schema.ts';
import { sortAndMerge } from '../../lsm/sort-merge.ts';
import { concatBatches } from '../../types/gather.ts';
import type { KeyValueBatch, RowBatch } from '../../types/row-batch.ts';
import type { CommitBase, PlanAgain, PlannedFile } from '../commit/request.ts';
import { bucketKey } from '../live-files.ts';
import { readKeyValues } from '../read/read-file.ts';
import type { Table } from '../table.ts';
import { DataFileWriter } from './data-file-writer.ts';
import { completeDeletes } from './not-null.ts';
import { type Place, placeRows } from './place-rows.ts';

export type WriteCounts = {
  readonly rowsIn: number;
  /** Rows in the files: what is left after rows of equal keys were merged. */
  readonly written: number;
  readonly mergedAway: number;
};

/** Places written at the same time. */
const placesInParallelMax = 4;

type Buffer = {
  readonly place: Place;
  batches: { rows: RowBatch; kinds: Int8Array }[];
  bytes: number;
  groups: Group[];
};

/** Rows of one place that were sorted together, and the files they are in. */
type Group = {
  readonly place: Place;
  /** undefined: spilled, the files have them. */
  rows: KeyValueBatch | undefined;
  files: readonly PlannedFile[];
};

export class WriteSession {
  readonly #table: Table;
  readonly #schema: TableSchema;
  readonly #options: TableOptions;
  readonly #buffers = new Map<string, Buffer>();
  #bufferedBytes = 0;
  #rowsIn = 0;
  #written = 0;

  /**
   * @param schema the schema rows come in; the table's unless a newer one is in force
   * @throws LakeError `unsupported` naming what the table asks of writers that is not done here
   */
  constructor(table: Table, schema: TableSchema = table.schema) {
    const refused = refusedFeatures(schema, 'write');
    if (refused.length > 0) throw unsupported(refused.join(', '), `writing ${table.label}`);
    this.#table = table;
    this.#schema = schema;
    this.#options = parseTableOptions(schema);
  }

  get schema(): TableSchema {
    return this.#schema;
  }

  get rowsIn(): number {
    return this.#rowsIn;
  }

  /** After the files were planned: rows in = written + merged away. */
  get counts(): WriteCounts {
    return { rowsIn: this.#rowsIn, written: this.#written, mergedAway: this.#rowsIn - this.#written };
  }

  /**
   * Takes rows in. Spills to files when the write buffer is full.
   *
   * @param rows all columns of the schema, in order
   * @throws LakeError `invalid` LAKE_NULL_VALUE for a null in a NOT NULL column, LAKE_NOT_APPENDABLE for a delete on an
   * append table
   */
  async add(rows: RowBatch, kinds: Int8Array): Promise<void> {
    assert(rows.rowCount === kinds.length, 'one kind a row');
    const complete = completeDeletes(this.#schema, rows, kinds, this.#table.label);
    this.#rowsIn += rows.rowCount;
    for (const placed of placeRows(this.#schema, this.#options, complete, kinds)) {
      const key = bucketKey(placed.place);
      let buffer = this.#buffers.get(key);
      if (buffer === undefined) {
        buffer = { place: placed.place, batches: [], bytes: 0, groups: [] };
        this.#buffers.set(key, buffer);
      }
      const bytes = batchBytes(placed.rows);
      buffer.batches.push({ rows: placed.rows, kinds: placed.kinds });
      buffer.bytes += bytes;
      this.#bufferedBytes += bytes;
    }
    while (this.#bufferedBytes > this.#options.writeBufferBytes) await this.#spillLargest();
  }

  /**
   * The level-0 files of everything taken in, numbered above the base; to be called from a commit's plan, also anew on
   * each base.
   */
  async plannedFiles(base: CommitBase, again: PlanAgain | undefined): Promise<readonly PlannedFile[]> {
    const stale = new Set(again?.files ?? []);
    const buffers = [...this.#buffers.values()];
    const planned = await mapBounded(buffers, placesInParallelMax, buffer => this.#planBuffer(buffer, base, stale));
    this.#written = planned.flat().reduce((sum, { file }) => sum + file.rowCount, 0);
    return planned.flat();
  }

  async #planBuffer(
    buffer: Buffer,
    base: CommitBase,
    stale: ReadonlySet<PlannedFile>,
  ): Promise<readonly PlannedFile[]> {
    this.#sortBuffer(buffer);
    let floor = await base.sequenceFloor(buffer.place);
    for (const group of buffer.groups) {
      const first = group.files.reduce<bigint | undefined>(
        (min, { file }) => (min === undefined || file.minSequenceNumber < min ? file.minSequenceNumber : min),
        undefined,
      );
      const keeps = first !== undefined && first > floor && !group.files.some(file => stale.has(file));
      if (!keeps) group.files = await this.#writeGroup(group, floor);
      for (const { file } of group.files) if (file.maxSequenceNumber > floor) floor = file.maxSequenceNumber;
    }
    return buffer.groups.flatMap(group => group.files);
  }

  /** What is buffered becomes a group: sorted, one row a key, numbered from 0 until it is written. */
  #sortBuffer(buffer: Buffer): void {
    if (buffer.batches.length === 0) return;
    const batches = buffer.batches.map(
      ({ rows, kinds }): KeyValueBatch => ({
        rows,
        kinds,
        sequenceNumbers: new BigInt64Array(rows.rowCount),
      }),
    );
    let next = 0n;
    for (const { sequenceNumbers } of batches) {
      for (let row = 0; row < sequenceNumbers.length; row += 1) {
        sequenceNumbers[row] = next;
        next += 1n;
      }
    }
    const rows =
      this.#schema.primaryKeys.length === 0
        ? joined(batches)
        : sortAndMerge(batches, {
            keyNames: trimmedPrimaryKeys(this.#schema),
            engine: 'deduplicate',
            dropDeletes: false,
          });
    buffer.groups.push({ place: buffer.place, rows, files: [] });
    this.#bufferedBytes -= buffer.bytes;
    buffer.batches = [];
    buffer.bytes = 0;
  }

  async #spillLargest(): Promise<void> {
    const largest = [...this.#buffers.values()].reduce((a, b) => (b.bytes > a.bytes ? b : a));
    this.#sortBuffer(largest);
    const group = largest.groups.at(-1);
    assert(group !== undefined, 'a spilled buffer has a group');
    group.files = await this.#writeGroup(group, -1n);
    group.rows = undefined;
  }

  /** Writes a group's rows with numbers above the floor, in their order. */
  async #writeGroup(group: Group, floor: bigint): Promise<readonly PlannedFile[]> {
    const writer = new DataFileWriter(this.#table, group.place, { schema: this.#schema, level: 0, source: 'append' });
    const first = firstSequence(group);
    if (this.#schema.primaryKeys.length === 0) {
      // The number of a row is not in an append table's file: only the file's range is told anew.
      if (group.rows === undefined) return renumbered(group.files, floor + 1n - first);
      await writer.writeRows(group.rows.rows, floor + 1n);
    } else {
      const shift = floor + 1n - first;
      for await (const batch of this.#rowsOf(group)) await writer.writeKeyValues(shifted(batch, shift));
    }
    return writer.finish();
  }

  async *#rowsOf(group: Group): AsyncGenerator<KeyValueBatch, void, undefined> {
    if (group.rows !== undefined) {
      yield group.rows;
      return;
    }
    const read = {
      schema: this.#schema,
      wanted: { fields: this.#schema.fields },
      prune: undefined,
      batchRowsMax: 65_536,
    };
    for (const { file } of group.files) yield* readKeyValues(this.#table, group.place, file, read);
  }
}

/** Rows as they came, without an order by key: of append tables. */
function joined(batches: readonly KeyValueBatch[]): KeyValueBatch {
  const rows = concatBatches(batches.map(batch => batch.rows));
  const kinds = new Int8Array(rows.rowCount);
  const sequenceNumbers = new BigInt64Array(rows.rowCount);
  for (let row = 0; row < rows.rowCount; row += 1) sequenceNumbers[row] = BigInt(row);
  return { rows, kinds, sequenceNumbers };
}

function firstSequence({ rows, files }: Group): bigint {
  let first: bigint | undefined;
  const numbers = rows?.sequenceNumbers ?? files.map(({ file }) => file.minSequenceNumber);
  for (const number of numbers) if (first === undefined || number < first) first = number;
  return first ?? 0n;
}

function shifted(batch: KeyValueBatch, shift: bigint): KeyValueBatch {
  if (shift === 0n) return batch;
  return { ...batch, sequenceNumbers: batch.sequenceNumbers.map(number => number + shift) };
}

function renumbered(files: readonly PlannedFile[], shift: bigint): readonly PlannedFile[] {
  return files.map(planned => ({
    ...planned,
    file: {
      ...planned.file,
      minSequenceNumber: planned.file.minSequenceNumber + shift,
      maxSequenceNumber: planned.file.maxSequenceNumber + shift,
    },
  }));
}

/** Memory of a batch, roughly: fixed-width values, or the texts a batch points to. */
function batchBytes(rows: RowBatch): number {
  let bytes = 0;
  for (const column of rows.columns) {
    const offsets = column.valueOffsets;
    if (offsets === undefined || offsets.length === 0) bytes += (column.values as Uint8Array).byteLength;
    else bytes += 4 * rows.rowCount + ((offsets[rows.rowCount] ?? 0) - (offsets[0] ?? 0));
  }
  return bytes;
}
