/**
 * Data files that DuckDB can read as they are, from the folder of a local store: no copy, and only the columns and row
 * groups that a query needs. They must have been written under a schema in which the wanted columns had today's names,
 * ids and types.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { mapBounded } from '../../base/concurrency.ts';
import type { DataFileMeta } from '../../format/data-file.ts';
import { formatOfFileName } from '../../format/paths.ts';
import { compressionAt, parseTableOptions } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { sameValues } from '../../table/read/column-mapping.ts';
import { dataFileKey } from '../../table/read/file-source.ts';
import type { Split } from '../../table/scan/split.ts';
import type { Table } from '../../table/table.ts';
import type { DataField } from '../../types/data-type.ts';
import { isNanosecond } from './column-text.ts';

const localPrefix = 'file:';
const statsInParallelMax = 16;

/** The folder of a store that is on this machine. */
export function localFolderOf({ uri }: Pick<ObjectStore, 'uri'>): string | undefined {
  return uri.startsWith(`${localPrefix}/`) ? uri.slice(localPrefix.length) : undefined;
}

export type SplitFiles = {
  /** Paths for DuckDB. */
  readonly local: readonly string[];
  /** What must be read by us. */
  readonly rest: readonly Split[];
};

/** Parts splits into files that DuckDB can read and what is left. */
export async function partSplits(
  table: Table,
  splits: readonly Split[],
  fields: readonly DataField[],
): Promise<SplitFiles> {
  const folder = localFolderOf(table.store);
  if (folder === undefined || fields.some(field => isNanosecond(field.type))) return { local: [], rest: splits };
  const readable = new Map<string, boolean>();
  const local: string[] = [];
  const rest: Split[] = [];
  for (const split of splits) {
    if (split.work.kind !== 'raw') {
      rest.push(split);
      continue;
    }
    const outcomes = await mapBounded(split.work.files, statsInParallelMax, async file => {
      const key = `${file.schemaId}/${file.level}`;
      const known = readable.get(key) ?? fitsSchema(await table.schemas.get(file.schemaId), fields, file.level);
      readable.set(key, known);
      return known ? localPath(folder, table, split, file) : undefined;
    });
    local.push(...outcomes.filter(path => path !== undefined));
    const files = split.work.files.filter((_, index) => outcomes[index] === undefined);
    if (files.length > 0) rest.push({ ...split, work: { kind: 'raw', files } });
  }
  return { local, rest };
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

/** undefined when it is better read by us, who say what is wrong with it. */
async function localPath(folder: string, table: Table, split: Split, file: DataFileMeta): Promise<string | undefined> {
  if (formatOfFileName(file.fileName) !== 'parquet' || file.externalPath !== undefined) return undefined;
  const path = join(folder, dataFileKey(table, split, file.fileName));
  // DuckDB takes these for patterns.
  if (/[*?[\]{}]/.test(path)) return undefined;
  try {
    const { size } = await stat(path);
    return size === file.fileSize ? path : undefined;
  } catch {
    return undefined;
  }
}
