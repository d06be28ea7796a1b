/** Tables that benches work on, in a folder of their own: made when they are first asked for, and copied for those who change them. */
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jsonLines } from '../../src/service/printed-rows.ts';
import { CheckSum } from './check-sum.ts';
import { baseRange, baseRowCount, lastTenthRange, type RowRange, sortedPartRange } from './rows.ts';
import {
  compactWorkTable,
  createWorkTable,
  database,
  type TablePlace,
  workBatches,
  writeBatches,
  writeRuns,
} from './table.ts';

/** Writes the table of 11 runs in a warehouse. */
export type RunsWriter = (place: TablePlace, rows: number) => Promise<void>;

export const largeRowCount = 10_000_000;
const partRowCount = 1_000_000;

export class WorkTables implements Disposable {
  readonly warehouse: string = mkdtempSync(join(tmpdir(), 'tidelake-bench-'));
  readonly #made = new Map<string, Promise<TablePlace>>();
  readonly #writeRuns: RunsWriter;
  readonly #sums = new Map<number, bigint>();
  #names = 0;
  #lines: string | undefined;

  /** @param write how the table of 11 runs comes to be, when not by us */
  constructor(write: RunsWriter | undefined) {
    this.#writeRuns = write ?? writeRuns;
  }

  /** 1M rows and ten runs of updates, of which nothing is compacted. */
  merged(): Promise<TablePlace> {
    return this.#once('merged', place => this.#writeRuns(place, baseRowCount));
  }

  /** As `merged`, the updates of the last tenth of the keys alone, by us. */
  lastTenth(): Promise<TablePlace> {
    return this.#once('last-tenth', place => writeRuns(place, baseRowCount, lastTenthRange));
  }

  /** The same rows in one run. */
  compacted(): Promise<TablePlace> {
    return this.#once('compacted', async place => {
      this.#copyTo(await this.merged(), place);
      await compactWorkTable(place);
    });
  }

  /** 10M rows, written in the order of their keys a million at a time, and compacted. */
  large(): Promise<TablePlace> {
    return this.#once('large', async place => {
      await writeParts(place, largeRowCount, part => sortedPartRange(part, partRowCount));
      await compactWorkTable(place);
    });
  }

  /** So many rows in runs of a million keys all over. @param rows a multiple of a million */
  overlapping(rows: number): Promise<TablePlace> {
    return this.#once(`overlapping-${rows}`, place =>
      writeParts(place, rows, part => baseRange(part * partRowCount, partRowCount, rows)),
    );
  }

  /** The check sum of so many rows. */
  sumOf(rows: number): bigint {
    const known = this.#sums.get(rows);
    if (known !== undefined) return known;
    const check = new CheckSum();
    for (const batch of workBatches(baseRange(0, rows, rows))) check.addColumns(batch.columns, batch.rowCount);
    this.#sums.set(rows, check.sum);
    return check.sum;
  }

  /** A file with the base rows as lines of changes. */
  async lines(): Promise<string> {
    if (this.#lines !== undefined) return this.#lines;
    const path = join(this.warehouse, 'base.jsonl');
    for (const batch of workBatches(baseRange(0, baseRowCount))) {
      appendFileSync(path, jsonLines(batch).replaceAll(/^(.+)$/gm, '{"op":"+I","row":$1}'));
    }
    this.#lines = path;
    console.error('bench: made the lines of the base rows');
    return path;
  }

  /** A name that no table has. */
  freshName(): string {
    this.#names += 1;
    return `t${this.#names}`;
  }

  /** A path in the folder where nothing is. */
  newFolder(): string {
    return join(this.warehouse, `folder-${this.freshName()}`);
  }

  copyOf(place: TablePlace): TablePlace {
    const copy = { warehouse: this.warehouse, table: this.freshName() };
    this.#copyTo(place, copy);
    return copy;
  }

  remove({ table }: TablePlace): void {
    rmSync(this.#folderOf(table), { recursive: true, force: true });
  }

  [Symbol.dispose](): void {
    rmSync(this.warehouse, { recursive: true, force: true });
  }

  #copyTo(from: TablePlace, to: TablePlace): void {
    cpSync(this.#folderOf(from.table), this.#folderOf(to.table), { recursive: true });
  }

  #folderOf(table: string): string {
    return join(this.warehouse, `${database}.db`, table);
  }

  #once(name: string, make: (place: TablePlace) => Promise<void>): Promise<TablePlace> {
    const place = { warehouse: this.warehouse, table: name };
    const made =
      this.#made.get(name) ??
      make(place).then(() => {
        console.error(`bench: made the table ${name}`);
        return place;
      });
    this.#made.set(name, made);
    return made;
  }
}

/** A commit for each part. */
async function writeParts(place: TablePlace, rows: number, rangeOf: (part: number) => RowRange): Promise<void> {
  await using opened = await createWorkTable(place, { 'write-only': 'true' });
  for (let part = 0; part < rows / partRowCount; part += 1) {
    await writeBatches(opened.table, workBatches(rangeOf(part)));
  }
}
