/**
 * Data files that DuckDB can read as they are: those of a local store in their place, those of another as copies that
 * hold the wanted columns only. They must have been written under a schema in which the wanted columns had today's names,
 * ids and types, and hold nothing that must be merged or dropped: no file with a deletion vector.
 */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { mapBounded } from '../../base/concurrency.ts';
import type { DataFileMeta } from '../../format/data-file.ts';
import { openParquet, type ParquetFile } from '../../format/parquet/reader.ts';
import { formatOfFileName } from '../../format/paths.ts';
import { compressionAt, parseTableOptions } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { whileSnapshotStays } from '../../table/manifests.ts';
import { sameValues } from '../../table/read/column-mapping.ts';
import { dataFileKey, openFileSource } from '../../table/read/file-source.ts';
import type { ScanPlan } from '../../table/scan/plan-scan.ts';
import type { Split } from '../../table/scan/split.ts';
import type { Table } from '../../table/table.ts';
import type { DataField } from '../../types/data-type.ts';
import { mayMatch } from '../../types/prune.ts';
import { holdsNanoseconds } from './column-text.ts';
import { copySparsely } from './sparse-copy.ts';

const localPrefix = 'file:';
const filesAtOnceMax = 8;
/** A file of which a filter leaves fewer row groups than this share is better read by us, who read only those. */
const copiedShareMin = 0.5;

/** The folder of a store that is on this machine. */
export function localFolderOf({ uri }: Pick<ObjectStore, 'uri'>): string | undefined {
  return uri.startsWith(`${localPrefix}/`) ? uri.slice(localPrefix.length) : undefined;
}

export type RawFiles = {
  /** Paths for DuckDB. */
  readonly paths: readonly string[];
  /** What must be read by us. */
  readonly rest: readonly Split[];
};

/** Parts a plan's splits into files that DuckDB can read and what is left. @param folder for copies */
export async function rawFiles(
  table: Table,
  plan: ScanPlan,
  fields: readonly DataField[],
  folder: string,
): Promise<RawFiles> {
  // DuckDB would cut these to microseconds.
  if (fields.some(field => holdsNanoseconds(field.type))) return { paths: [], rest: plan.splits };
  const reader = new RawReader(table, plan, fields, folder);
  const paths: string[] = [];
  const rest: Split[] = [];
  for (const split of plan.splits) {
    if (split.work.kind !== 'raw') {
      rest.push(split);
      continue;
    }
    const outcomes = await mapBounded(split.work.files, filesAtOnceMax, file => reader.pathOf(split, file));
    paths.push(...outcomes.filter(path => path !== undefined));
    const files = split.work.files.filter((_, index) => outcomes[index] === undefined);
    if (files.length > 0) rest.push({ ...split, work: { kind: 'raw', files } });
  }
  return { paths, rest };
}

class RawReader {
  readonly #table: Table;
  readonly #plan: ScanPlan;
  readonly #fields: readonly DataField[];
  readonly #folder: string;
  readonly #localFolder: string | undefined;
  readonly #fits = new Map<string, boolean>();
  #copyCount = 0;

  constructor(table: Table, plan: ScanPlan, fields: readonly DataField[], folder: string) {
    this.#table = table;
    this.#plan = plan;
    this.#fields = fields;
    this.#folder = folder;
    this.#localFolder = localFolderOf(table.store);
  }

  /** Where DuckDB finds the file; undefined when it is to be read by us. */
  async pathOf(split: Split, file: DataFileMeta): Promise<string | undefined> {
    if (split.deletions.has(file.fileName)) return undefined;
    if (formatOfFileName(file.fileName) !== 'parquet' || file.externalPath !== undefined) return undefined;
    const key = `${file.schemaId}/${file.level}`;
    const fits =
      this.#fits.get(key) ?? fitsSchema(await this.#table.schemas.get(file.schemaId), this.#fields, file.level);
    this.#fits.set(key, fits);
    if (!fits) return undefined;
    return this.#localFolder === undefined ? this.#copied(split, file) : this.#local(this.#localFolder, split, file);
  }

  /** A file that is not as it should be is read by us, who say what is wrong with it. */
  async #local(folder: string, split: Split, file: DataFileMeta): Promise<string | undefined> {
    const path = join(folder, dataFileKey(this.#table, split, file.fileName));
    // DuckDB takes these for patterns.
    if (/[*?[\]{}]/.test(path)) return undefined;
    try {
      // A link could lead to what is no file of the table; our own reader does not follow it either.
      const found = await lstat(path);
      return found.isFile() && found.size === file.fileSize ? path : undefined;
    } catch {
      return undefined;
    }
  }

  async #copied(split: Split, file: DataFileMeta): Promise<string | undefined> {
    const copy = async (): Promise<string | undefined> => {
      const source = await openFileSource(this.#table, split, file);
      const parquet = await openParquet(source, dataFileKey(this.#table, split, file.fileName));
      // A count that differs from the manifest's is told by our own reader.
      if (parquet.rowCount !== file.rowCount || !this.#isWorthACopy(parquet)) return undefined;
      this.#copyCount += 1;
      const path = join(this.#folder, `copy-${this.#copyCount}.parquet`);
      await copySparsely(source, parquet, { path, columns: new Set(this.#fields.map(field => field.name)) });
      return path;
    };
    const { snapshot } = this.#plan;
    return snapshot === undefined ? copy() : whileSnapshotStays(this.#table, snapshot, copy);
  }

  #isWorthACopy({ rowGroups }: ParquetFile): boolean {
    const { predicate, schema } = this.#plan;
    if (predicate === undefined || rowGroups.length === 0) return true;
    const types = new Map(schema.fields.map(field => [field.name, field.type]));
    const kept = rowGroups.filter(group =>
      mayMatch(predicate, { fields: schema.fields }, name => group.columnRange(name, types.get(name)), group.rowCount),
    );
    return kept.length >= rowGroups.length * copiedShareMin;
  }
}

/** Whether the columns were in the file's schema under the same ids, names and types, in a codec that DuckDB has. */
function fitsSchema(fileSchema: TableSchema, fields: readonly DataField[], level: number): boolean {
  // Hadoop's framing of LZ4, which is what Paimon means by lz4.
  if (compressionAt(parseTableOptions(fileSchema).files, level) === 'lz4') return false;
  return fields.every(field => {
    const there = fileSchema.fields.find(candidate => candidate.id === field.id);
    return there !== undefined && there.name === field.name && sameValues(there.type, field.type);
  });
}
