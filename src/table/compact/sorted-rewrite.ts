/**
 * Rewrites all files of a bucket in a sort order, in bounded memory: as many rows as fit are sorted at a time, and where
 * that is not all, each such run goes to files of its own, from which the runs are merged. Those files are under names that
 * no commit ever knows, and are removed when the merge is through; a rewrite that is cut short leaves them to the cleaning
 * of orphans.
 */

import type { SortOrder } from '../../format/clustering-options.ts';
import type { DataFileMeta } from '../../format/data-file.ts';
import { mergeSorted, sortedBatches } from '../../lsm/merge-sorted.ts';
import { type SortKeys, sortKeys } from '../../lsm/sort-order.ts';
import { concatBatches } from '../../types/gather.ts';
import { batchBytes, type RowBatch } from '../../types/row-batch.ts';
import type { PlannedFile } from '../commit/request.ts';
import { noDeletions } from '../index-files.ts';
import { dataFileKey } from '../read/file-source.ts';
import { type FileRead, readRows } from '../read/read-file.ts';
import type { Table } from '../table.ts';
import { DataFileWriter } from '../write/data-file-writer.ts';
import type { Place } from '../write/place-rows.ts';

export type SortedRewrite = {
  readonly order: SortOrder;
  /** Of the new files. */
  readonly level: number;
  /** Bytes of rows that are sorted at a time; their sorted copy takes as much again. */
  readonly bufferBytesMax?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Runs that are merged at a time; of more, the first are merged into one before. */
const runsMergedMax = 16;
const batchRowsMax = 16_384;

/** A sorted run that does not fit into memory. */
type Run = readonly DataFileMeta[];

/** @param rows of the bucket, in the order they have now */
export async function writeSorted(
  table: Table,
  place: Place,
  rows: AsyncIterable<RowBatch>,
  firstSequence: bigint,
  rewrite: SortedRewrite,
): Promise<readonly PlannedFile[]> {
  const keys = sortKeys({ fields: table.schema.fields }, rewrite.order, { varBytes: table.options.zOrderVarBytes });
  const spilled: Run[] = [];
  const sorter = new Sorter(table, place, keys, rewrite);
  let buffered: RowBatch | undefined;
  for await (const buffer of buffersOf(rows, rewrite.bufferBytesMax ?? table.workMemory.sortBufferBytes)) {
    if (buffered !== undefined) spilled.push(await sorter.spill(sortedBatches(buffered, keys, batchRowsMax)));
    buffered = buffer;
  }
  const inMemory = buffered === undefined ? [] : sortedBatches(buffered, keys, batchRowsMax);
  if (spilled.length === 0) return sorter.write(inMemory, firstSequence);
  let runs: readonly Run[] = [...spilled, await sorter.spill(inMemory)];
  buffered = undefined;
  while (runs.length > runsMergedMax) {
    const first = runs.slice(0, runsMergedMax);
    const merged = await sorter.spill(sorter.merged(first));
    await sorter.remove(first);
    runs = [merged, ...runs.slice(runsMergedMax)];
  }
  const files = await sorter.write(sorter.merged(runs), firstSequence);
  await sorter.remove(runs);
  return files;
}

async function* buffersOf(rows: AsyncIterable<RowBatch>, bytesMax: number): AsyncGenerator<RowBatch, void, undefined> {
  let batches: RowBatch[] = [];
  let bytes = 0;
  for await (const batch of rows) {
    batches.push(batch);
    bytes += batchBytes(batch);
    if (bytes < bytesMax) continue;
    yield concatBatches(batches);
    batches = [];
    bytes = 0;
  }
  if (batches.length > 0) yield concatBatches(batches);
}

class Sorter {
  readonly #table: Table;
  readonly #place: Place;
  readonly #keys: SortKeys;
  readonly #level: number;
  readonly #signal: AbortSignal | undefined;

  constructor(table: Table, place: Place, keys: SortKeys, { level, signal }: SortedRewrite) {
    this.#level = level;
    this.#table = table;
    this.#place = place;
    this.#keys = keys;
    this.#signal = signal;
  }

  async write(
    rows: Iterable<RowBatch> | AsyncIterable<RowBatch>,
    firstSequence: bigint,
    settings: { readonly isTemporary?: boolean } = {},
  ): Promise<readonly PlannedFile[]> {
    const { schema } = this.#table;
    const writer = new DataFileWriter(this.#table, this.#place, {
      schema,
      level: settings.isTemporary === true ? 0 : this.#level,
      source: 'compact',
      ...settings,
    });
    let next = firstSequence;
    for await (const batch of rows) {
      this.#signal?.throwIfAborted();
      await writer.writeRows(batch, next);
      next += BigInt(batch.rowCount);
    }
    return writer.finish();
  }

  async spill(rows: Iterable<RowBatch> | AsyncIterable<RowBatch>): Promise<Run> {
    return (await this.write(rows, 0n, { isTemporary: true })).map(({ file }) => file);
  }

  merged(runs: readonly Run[]): AsyncIterable<RowBatch> {
    const windowBytesMax = Math.floor(this.#table.workMemory.mergeWindowBytes / runs.length);
    const read: FileRead = {
      schema: this.#table.schema,
      wanted: { fields: this.#table.schema.fields },
      prune: undefined,
      batchRowsMax: Math.ceil(batchRowsMax / 4),
      windowBytesMax,
    };
    return mergeSorted(
      runs.map(run => this.#rowsOf(run, read)),
      this.#keys,
      batchRowsMax,
    );
  }

  async *#rowsOf(run: Run, read: FileRead): AsyncGenerator<RowBatch, void, undefined> {
    const place = { ...this.#place, deletions: noDeletions };
    for (const file of run) yield* readRows(this.#table, place, file, read);
  }

  async remove(runs: readonly Run[]): Promise<void> {
    for (const { fileName } of runs.flat()) {
      await this.#table.store.delete(dataFileKey(this.#table, this.#place, fileName));
    }
  }
}
