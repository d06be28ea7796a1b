/**
 * Reads the snapshots of a line for the model, by the product's code, without faults and in no time. A file is decoded once
 * for each level, schema and deletion vector that it is read with; that it is there, with the bytes it came with, is looked
 * at each time. (Readers of the scenario go the whole way.)
 */
import { deserializeRow } from '../../../../src/format/binary-row.ts';
import type { DataFileMeta } from '../../../../src/format/data-file.ts';
import { manifestPath, schemaFolder, statisticsPath } from '../../../../src/format/paths.ts';
import type { Snapshot } from '../../../../src/format/snapshot.ts';
import type { TableSchema } from '../../../../src/format/table-schema.ts';
import { mergeRuns } from '../../../../src/lsm/merge.ts';
import type { ObjectStore } from '../../../../src/storage/object-store.ts';
import { changeSourceOf } from '../../../../src/table/changelog/change-source.ts';
import { readChanges } from '../../../../src/table/changelog/read-changes.ts';
import { indexEntriesOf, indexFileKey } from '../../../../src/table/index-files.ts';
import { deltaManifestsOf, manifestsOf, readEntries } from '../../../../src/table/manifests.ts';
import { mergeSpec } from '../../../../src/table/merge-spec.ts';
import { dataFileKey } from '../../../../src/table/read/file-source.ts';
import { readKeyValues, readRows } from '../../../../src/table/read/read-file.ts';
import { readBatchRowsMax, readPlan } from '../../../../src/table/read/read-split.ts';
import { planScan, type ScanPlan } from '../../../../src/table/scan/plan-scan.ts';
import { filesOf, type Split } from '../../../../src/table/scan/split.ts';
import { snapshotById } from '../../../../src/table/snapshots.ts';
import { openTable, partitionTypes, reopenTable, type Table } from '../../../../src/table/table.ts';
import { columnReader } from '../../../../src/types/column-reader.ts';
import type { DataField } from '../../../../src/types/data-type.ts';
import type { Predicate } from '../../../../src/types/predicate.ts';
import type { KeyValueBatch, RowBatch } from '../../../../src/types/row-batch.ts';
import { Violation, type World } from '../../world.ts';
import { dayOfText, keyOf, type State, textOf } from './rows.ts';
import { valueFields } from './table-kind.ts';

type Entry = readonly [key: number, value: string];

export type Change = { readonly kind: number; readonly key: number; readonly value: string };

export class SnapshotReader {
  readonly #world: World;
  readonly #branch: string | undefined;
  readonly #store: ObjectStore;
  readonly #rows = new Map<string, readonly RowBatch[]>();
  readonly #keyValues = new Map<string, readonly KeyValueBatch[]>();
  /** What each file that was read had in it. */
  readonly #bytes = new Map<string, Uint8Array>();
  #table: Table | undefined;
  #hasSchemaChanged = false;

  constructor(world: World, { metaPath, branch }: { readonly metaPath: string; readonly branch: string | undefined }) {
    this.#world = world;
    this.#branch = branch;
    this.#store = world.rawStore();
    const schemas = `${metaPath}/${schemaFolder}/`;
    world.watch({
      stored: key => {
        this.#hasSchemaChanged ||= key.startsWith(schemas);
      },
    });
  }

  /** The rows, under the newest schema. */
  async read(id: number): Promise<State> {
    const table = await this.#opened();
    const snapshot = await snapshotById(table, id);
    await this.#checkMetadata(table, snapshot);
    const plan = await planScan(table, snapshot);
    const state = new Map<number, string>();
    for (const split of plan.splits) addEntries(state, await this.#entriesOf(table, plan, split));
    return state;
  }

  async changes(id: number): Promise<readonly Change[]> {
    const table = await this.#opened();
    const changes: Change[] = [];
    for await (const { rows, kinds } of readChanges(table, await changeSourceOf(table, id))) {
      for (const [row, [key, value]] of entriesIn(rows).entries()) changes.push({ kind: kinds[row] ?? 0, key, value });
    }
    return changes;
  }

  /** Partitions of which the snapshot takes files away. */
  async removedDays(id: number): Promise<ReadonlySet<number>> {
    const table = await this.#opened();
    const manifests = await deltaManifestsOf(table, await snapshotById(table, id));
    const removed = (await readEntries(table, manifests)).filter(({ kind }) => kind === 'delete');
    const types = partitionTypes(table.schema);
    return new Set(removed.map(({ partition }) => dayOfText(String(deserializeRow(partition, types)[0]))));
  }

  async #opened(): Promise<Table> {
    if (this.#table !== undefined && !this.#hasSchemaChanged) return this.#table;
    this.#hasSchemaChanged = false;
    this.#table = this.#table === undefined ? await this.#open() : await reopenTable(this.#table);
    return this.#table;
  }

  #open(): Promise<Table> {
    const { random, scheduler } = this.#world;
    const clock = { nowMs: () => scheduler.nowMs, monotonicMs: () => scheduler.nowMs, sleep: async () => undefined };
    return openTable(this.#store, { database: 'd', name: 't', branch: this.#branch }, { clock, random });
  }

  async #entriesOf(table: Table, { schema }: ScanPlan, split: Split): Promise<readonly Entry[]> {
    for (const { fileName, extraFiles } of filesOf(split)) {
      for (const name of [fileName, ...extraFiles]) this.#checkFile(dataFileKey(table, split, name));
    }
    const read = { schema, wanted: { fields: schema.fields }, prune: undefined, batchRowsMax: readBatchRowsMax };
    const entries: Entry[] = [];
    if (split.work.kind === 'raw') {
      for (const file of split.work.files) {
        const batches = await known(this.#rows, nameOf(table, schema, split, file), () =>
          readRows(table, split, file, read),
        );
        for (const batch of batches) entries.push(...entriesIn(batch));
      }
      return entries;
    }
    const readOf = (file: DataFileMeta): Promise<readonly KeyValueBatch[]> =>
      known(this.#keyValues, nameOf(table, schema, split, file), () => readKeyValues(table, split, file, read));
    for (const section of split.work.sections) {
      const runs = section.map(files => runOf(files, readOf));
      for await (const { rows } of mergeRuns(runs, mergeSpec(schema, { dropDeletes: true }), read)) {
        entries.push(...entriesIn(rows));
      }
    }
    return entries;
  }

  async #checkMetadata(table: Table, snapshot: Snapshot): Promise<void> {
    const { baseManifestList, deltaManifestList, changelogManifestList, indexManifest } = snapshot;
    const manifests = (await manifestsOf(table, snapshot)).map(({ fileName }) => fileName);
    for (const name of [baseManifestList, deltaManifestList, changelogManifestList, indexManifest, ...manifests]) {
      if (name !== undefined) this.#checkFile(`${table.path}/${manifestPath(name)}`);
    }
    if (snapshot.statistics !== undefined) this.#checkFile(`${table.path}/${statisticsPath(snapshot.statistics)}`);
    for (const { fileName } of await indexEntriesOf(table, snapshot)) this.#checkFile(indexFileKey(table, fileName));
  }

  #checkFile(key: string): void {
    const bytes = this.#world.objects.get(key)?.bytes;
    if (bytes === undefined) throw new Violation(`${key} is missing`);
    const known = this.#bytes.get(key);
    if (known === bytes) return;
    if (known !== undefined && Buffer.compare(known, bytes) !== 0) throw new Violation(`${key} has changed`);
    this.#bytes.set(key, bytes);
  }
}

/**
 * All that the rows of a file depend on; the file is what its key says. Two writers may give files of two buckets one name:
 * the uuids of a simulated world come out of 32 bits.
 */
function nameOf(table: Table, { id }: TableSchema, split: Split, { fileName, level }: DataFileMeta): string {
  const vector = split.deletions.get(fileName);
  const key = dataFileKey(table, split, fileName);
  return `${key}@${level} ${id} ${vector?.index.fileName} ${vector?.range.offset}`;
}

async function known<T>(
  cache: Map<string, readonly T[]>,
  name: string,
  read: () => AsyncIterable<T>,
): Promise<readonly T[]> {
  const there = cache.get(name);
  if (there !== undefined) return there;
  const batches = await Array.fromAsync(read());
  cache.set(name, batches);
  return batches;
}

async function* runOf(
  files: readonly DataFileMeta[],
  readOf: (file: DataFileMeta) => Promise<readonly KeyValueBatch[]>,
): AsyncGenerator<KeyValueBatch, void, undefined> {
  for (const file of files) yield* await readOf(file);
}

/** The rows of a snapshot. A key that comes twice is in two buckets, or was not merged. */
export async function readState(table: Table, snapshot: Snapshot, predicate?: Predicate): Promise<State> {
  const state = new Map<number, string>();
  const plan = await planScan(table, snapshot, { predicate });
  for await (const batch of readPlan(table, plan)) addEntries(state, entriesIn(batch));
  return state;
}

function addEntries(state: Map<number, string>, entries: readonly Entry[]): void {
  for (const [key, value] of entries) {
    if (state.has(key)) throw new Violation(`key ${key} is there twice: ${state.get(key)} and ${value}`);
    state.set(key, value);
  }
}

function entriesIn(batch: RowBatch): readonly Entry[] {
  const { fields } = batch.rowType;
  const readers = new Map(
    batch.columns.map((column, index) => [fields[index]?.name, columnReader(column, typeOf(fields[index]))]),
  );
  const names = valueFields(fields).map(({ name }) => name);
  return Array.from({ length: batch.rowCount }, (_, row) => {
    const day = readers.get('p')?.(row);
    const key = keyOf({ day: day === undefined ? 0 : dayOfText(String(day)), k: Number(readers.get('k')?.(row)) });
    return [key, textOf(names.map(name => readers.get(name)?.(row)))] as const;
  });
}

function typeOf(field: DataField | undefined): DataField['type'] {
  if (field === undefined) throw new Error('a column has a field');
  return field.type;
}
