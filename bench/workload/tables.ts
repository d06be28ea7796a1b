/** Tables that benches work on, in a folder of their own: made when they are first asked for, and copied for those who change them. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { liveEntries } from '../../src/table/manifests.ts';
import { latestSnapshot } from '../../src/table/snapshots.ts';
import { baseRowCount } from './rows.ts';
import { compactWorkTable, database, openWorkTable, type TablePlace, writeRuns } from './table.ts';

/** Writes the table of 11 runs in a warehouse. */
export type RunsWriter = (place: TablePlace, rows: number) => Promise<void>;

export class WorkTables implements Disposable {
  readonly warehouse: string = mkdtempSync(join(tmpdir(), 'tidelake-bench-'));
  readonly #made = new Map<string, Promise<TablePlace>>();
  readonly #writeRuns: RunsWriter;
  #copies = 0;

  /** @param write how the table of 11 runs comes to be, when not by us */
  constructor(write: RunsWriter | undefined) {
    this.#writeRuns = write ?? writeRuns;
  }

  /** 1M rows and ten runs of updates, of which nothing is compacted. */
  merged(): Promise<TablePlace> {
    return this.#once('merged', place => this.#writeRuns(place, baseRowCount));
  }

  /** The same rows in one run. */
  compacted(): Promise<TablePlace> {
    return this.#once('compacted', async place => {
      this.#copyTo(await this.merged(), place);
      await compactWorkTable(place);
    });
  }

  /** A name that no table has. */
  freshName(): string {
    this.#copies += 1;
    return `t${this.#copies}`;
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

/** Paths of the data files that are live, of a table without partitions and with one bucket. */
export async function liveFiles(place: TablePlace): Promise<readonly string[]> {
  await using opened = await openWorkTable(place);
  const { table } = opened;
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) return [];
  const entries = await liveEntries(table, snapshot);
  return entries.map(({ file }) => join(place.warehouse, table.path, 'bucket-0', file.fileName));
}
