/**
 * The walk over everything a table has: the snapshots are one chain from number 1, each names manifests and data files that
 * are there, whole, and decode to the rows that the metadata counts.
 */
import { mapBounded } from '../../src/base/concurrency.ts';
import type { ManifestEntry } from '../../src/format/manifest.ts';
import { noDeletions } from '../../src/table/index-files.ts';
import { changelogManifestsOf, deltaManifestsOf, liveEntries, readEntries } from '../../src/table/manifests.ts';
import { readRows } from '../../src/table/read/read-file.ts';
import { listSnapshots } from '../../src/table/snapshots.ts';
import type { Table } from '../../src/table/table.ts';
import type { Faults } from './check-rows.ts';

export type VerifyFigures = { readonly snapshots: number; readonly files: number };

const filesInParallelMax = 4;
const batchRowsMax = 65_536;

/** Remembers what it has read, so that it can be asked often; `begin` forgets, for a last walk over all. */
export class TableVerifier {
  readonly #table: Table;
  readonly #decoded = new Set<string>();
  #snapshotId = 0;

  constructor(table: Table) {
    this.#table = table;
  }

  async verify(faults: Faults): Promise<VerifyFigures> {
    const table = this.#table;
    const snapshots = await listSnapshots(table);
    for (const [index, { id }] of snapshots.entries()) {
      if (id !== index + 1) faults.add(`${table.label}: snapshot ${id} is number ${index + 1} of the chain`);
    }
    for (const snapshot of snapshots.slice(this.#snapshotId)) {
      const live = await liveEntries(table, snapshot);
      const rowCount = live.reduce((sum, { file }) => sum + BigInt(file.rowCount), 0n);
      if (rowCount !== snapshot.totalRecordCount) {
        faults.add(`${table.label}: snapshot ${snapshot.id} counts ${snapshot.totalRecordCount} rows, has ${rowCount}`);
      }
      const named = [
        ...live,
        ...(await readEntries(table, await deltaManifestsOf(table, snapshot))),
        ...(await readEntries(table, await changelogManifestsOf(table, snapshot))),
      ];
      await this.#decodeAll(named, faults);
      this.#snapshotId = snapshot.id;
    }
    return { snapshots: snapshots.length, files: this.#decoded.size };
  }

  async #decodeAll(entries: readonly ManifestEntry[], faults: Faults): Promise<void> {
    const fresh = entries.filter(({ file }) => !this.#decoded.has(file.fileName));
    const unique = [...new Map(fresh.map(entry => [entry.file.fileName, entry])).values()];
    await mapBounded(unique, filesInParallelMax, async entry => {
      this.#decoded.add(entry.file.fileName);
      const found = await this.#rowsOf(entry);
      if (found !== entry.file.rowCount) {
        faults.add(`${this.#table.label}: ${entry.file.fileName} has ${found} rows, not ${entry.file.rowCount}`);
      }
    });
  }

  /** Decodes every column. @throws LakeError of a file that is missing, cut or broken */
  async #rowsOf({ bucket, file }: ManifestEntry): Promise<number> {
    const { schema } = this.#table;
    const place = { partitionValues: [], bucket, deletions: noDeletions };
    const read = { schema, wanted: { fields: schema.fields }, prune: undefined, batchRowsMax };
    let rows = 0;
    for await (const batch of readRows(this.#table, place, file, read)) rows += batch.rowCount;
    return rows;
  }
}
