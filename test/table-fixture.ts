/**
 * Tables without rows, for tests of commits: a schema is written, data files exist in manifests only. The commit never
 * opens a data file, so nothing is missing.
 */
import type { Clock } from '../src/base/clock.ts';
import { emptyRow, serializeRow } from '../src/format/binary-row.ts';
import type { DataFileMeta } from '../src/format/data-file.ts';
import { emptyStats } from '../src/format/stats.ts';
import { encodeSchema, type TableSchema } from '../src/format/table-schema.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';
import { type CommitPlan, type CommitRequest, commitPlan, type PlannedFile } from '../src/table/commit/request.ts';
import type { PlacedFile } from '../src/table/live-files.ts';
import { openTable, type Table, type TableParts } from '../src/table/table.ts';
import type { DataType } from '../src/types/data-type.ts';

const int: DataType = { kind: 'int', nullable: false };
const text: DataType = { kind: 'varchar', length: 20, nullable: false };

/** A clock that only goes when it is told to; sleeping takes no time but lets others run. */
export class ManualClock implements Clock {
  #nowMs = 1_000_000_000_000;
  /** Each pause that was asked for. */
  readonly slept: number[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.slept.push(ms);
    this.#nowMs += Math.ceil(ms);
    await new Promise(resolve => setImmediate(resolve));
    signal?.throwIfAborted();
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }
}

export type FixtureSettings = {
  readonly primaryKey?: boolean | undefined;
  readonly partitioned?: boolean | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly tableId?: string | undefined;
  readonly schemaId?: number | undefined;
};

export function fixtureSchema(settings: FixtureSettings = {}): TableSchema {
  const { primaryKey = true, partitioned = false, options = {}, schemaId = 0 } = settings;
  const field = (id: number, name: string, type: DataType) => ({
    id,
    name,
    type,
    description: undefined,
    defaultValue: undefined,
  });
  return {
    version: 3,
    id: schemaId,
    fields: [field(0, 'k', int), field(1, 'v', int), field(2, 'p', text)],
    highestFieldId: 2,
    partitionKeys: partitioned ? ['p'] : [],
    primaryKeys: primaryKey ? (partitioned ? ['p', 'k'] : ['k']) : [],
    options: { bucket: '2', ...options },
    comment: undefined,
    timeMillis: 0,
    extra: { 'tidelake.table': settings.tableId ?? 'table-1' },
  };
}

export async function putSchema(store: ObjectStore, schema: TableSchema, path = 'd.db/t'): Promise<void> {
  await store.put(`${path}/schema/schema-${schema.id}`, encodeSchema(schema));
}

/** Writes the schema and opens the table `d.t`. */
export async function fixtureTable(
  store: ObjectStore,
  parts: TableParts,
  settings: FixtureSettings = {},
): Promise<Table> {
  await putSchema(store, fixtureSchema(settings));
  return openTable(store, { database: 'd', name: 't' }, parts);
}

export type FileDraft = {
  readonly name: string;
  readonly bucket?: number | undefined;
  readonly totalBuckets?: number | undefined;
  readonly partition?: string | undefined;
  readonly level?: number | undefined;
  readonly rows?: number | undefined;
  readonly keys?: readonly [number, number] | undefined;
  readonly sequence?: readonly [number, number] | undefined;
  readonly uploadBeganMs?: number | undefined;
  readonly schemaId?: number | undefined;
};

export function plannedFile(table: Table, draft: FileDraft): PlannedFile {
  const { keys = [1, 9], sequence = [0, 9], rows = 10, level = 0 } = draft;
  const isKeyed = table.schema.primaryKeys.length > 0;
  const file: DataFileMeta = {
    fileName: draft.name,
    fileSize: 1_000,
    rowCount: rows,
    minKey: isKeyed ? serializeRow([int], [keys[0]]) : emptyRow,
    maxKey: isKeyed ? serializeRow([int], [keys[1]]) : emptyRow,
    keyStats: emptyStats,
    valueStats: emptyStats,
    minSequenceNumber: BigInt(sequence[0]),
    maxSequenceNumber: BigInt(sequence[1]),
    schemaId: draft.schemaId ?? table.schema.id,
    level,
    extraFiles: [],
    creationTimeMs: 0,
    deleteRowCount: 0,
    embeddedIndex: undefined,
    fileSource: level === 0 ? 'append' : 'compact',
    valueStatsCols: [],
    externalPath: undefined,
    firstRowId: undefined,
    writeCols: undefined,
  };
  const partition = draft.partition === undefined ? emptyRow : serializeRow([text], [draft.partition]);
  const { bucket = 0, totalBuckets = table.options.bucket } = draft;
  const uploadBeganMs = 'uploadBeganMs' in draft ? draft.uploadBeganMs : table.storeTimeMs();
  return { partition, bucket, totalBuckets, file, uploadBeganMs };
}

/** A request whose plan is the same on every base. */
export function fixedRequest(table: Table, draft: Partial<CommitPlan>): CommitRequest {
  const plan = commitPlan({ kind: 'APPEND', schemaId: table.schema.id, ...draft });
  return { commitUser: 'test', commitIdentifier: 1n, plan: async () => plan };
}

/** An append of one file that takes the next `rows` sequence numbers of its bucket, whatever the base. */
export function numberedAppend(table: Table, draft: FileDraft): CommitRequest {
  const rows = draft.rows ?? 10;
  return {
    commitUser: 'test',
    commitIdentifier: 1n,
    async plan(base) {
      const planned = plannedFile(table, draft);
      const minSequenceNumber = (await base.sequenceFloor(planned)) + 1n;
      const maxSequenceNumber = minSequenceNumber + BigInt(rows) - 1n;
      const adds = [{ ...planned, file: { ...planned.file, minSequenceNumber, maxSequenceNumber } }];
      return commitPlan({ kind: 'APPEND', schemaId: table.schema.id, adds });
    },
  };
}

export function fileNames(files: readonly PlacedFile[]): readonly string[] {
  return files.map(({ file }) => file.fileName).toSorted();
}

/** Runs something, once, just before the first put-if-absent of a key that ends so: what others do meanwhile. */
export function beforePutIfAbsent(inner: ObjectStore, keyEnd: string, action: () => Promise<void>): ObjectStore {
  let pending = true;
  return {
    uri: inner.uri,
    get: (key, options) => inner.get(key, options),
    getRange: (key, range, options) => inner.getRange(key, range, options),
    head: (key, options) => inner.head(key, options),
    put: (key, bytes, options) => inner.put(key, bytes, options),
    async putIfAbsent(key, bytes, options) {
      if (pending && key.endsWith(keyEnd)) {
        pending = false;
        await action();
      }
      return await inner.putIfAbsent(key, bytes, options);
    },
    putIfMatch: (key, bytes, etag, options) => inner.putIfMatch(key, bytes, etag, options),
    delete: (key, options) => inner.delete(key, options),
    list: (prefix, options) => inner.list(prefix, options),
    [Symbol.asyncDispose]: async () => {},
  };
}
