/**
 * Rows on their way into one commit: buffered by place, sorted and merged, numbered above what is live, written as
 * level-0 files, and planned. Plain writers and ingest both hold one for each commit.
 *
 * Numbering (DESIGN S6): rows get numbers above the bucket's largest at the base of the commit. When another commit came
 * between, the files are numbered and written again; their rows are kept in memory, or read back if they were spilled.
 * Who knows the bucket's largest number when it comes to spilling says so, and spares the second writing.
 */
import { assert } from '../../base/assert.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { unsupported } from '../../base/errors.ts';
import { parseTableOptions, refusedFeatures, type TableOptions } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { batchBytes, type KeyValueBatch, type RowBatch } from '../../types/row-batch.ts';
import type { CommitBase, KeysAt, PlanAgain, PlannedFile } from '../commit/request.ts';
import { noDeletions } from '../index-files.ts';
import { bucketKey } from '../live-files.ts';
import { type FileRead, readKeyValues, readRows } from '../read/read-file.ts';
import { readBatchRowsMax } from '../read/read-split.ts';
import type { Table } from '../table.ts';
import { type CrossingSettings, type CrossPartition, crossPartition } from './cross-partition.ts';
import { DataFileWriter } from './data-file-writer.ts';
import {
  type BaseOf,
  type DynamicBuckets,
  type DynamicSettings,
  dynamicBuckets,
  type HashEdit,
} from './dynamic-buckets.ts';
import { checkDynamicOptions } from './dynamic-options.ts';
import { flushedRows, type HeldRows, waitingRows } from './held-rows.ts';
import { inputRows } from './input-rows.ts';
import { type Place, type PlacedRows, placeRows } from './place-rows.ts';
import { type PostponedBuckets, postponedBuckets } from './postponed-buckets.ts';
import { addOrigin, type OriginRun, originsOfFiles } from './row-origins.ts';
import type { RunningUploads } from './running-uploads.ts';
import { firstNumber, numbered, numberedAs, renumbered, shiftedNumbers } from './sequence-numbers.ts';
import { isWaiting, type KindedRows, queueUp, waitingNumber } from './waiting-rows.ts';

export type WriteCounts = {
  readonly rowsIn: number;
  /** Rows in the files: what is left after rows of equal keys were merged. */
  readonly written: number;
  /** Rows that went into another of their key, or that the table ignores. */
  readonly mergedAway: number;
  /** Delete rows that were added: each takes a key away in the partition that it has moved from. */
  readonly moved: number;
};

/** Of the write buffer, half is for rows as they come and half for what of them is sorted and encoded at a time. */
const bufferShare = 0.5;

/** Names that file names may have in them. */
const fileNamePart = /^[\w.-]{1,100}$/;

/** Where rows must wait for their places, they, those that have theirs, and the sorted copy share the buffer. */
const waitingShare = 0.25;

export type WriteSessionOptions = {
  /** At or above the largest sequence number of the bucket's live files, as far as it is known now. */
  readonly sequenceFloor?: ((place: Place) => Promise<bigint>) | undefined;
  /** How rows of a table with dynamic buckets are given theirs; who does not say cannot write such a table. */
  readonly dynamic?: DynamicSettings | undefined;
  /** Who commits, for the names of files of rows that wait for a bucket; a name of its own when not given. */
  readonly commitUser?: string | undefined;
  /** The same of a table whose keys may move between partitions. */
  readonly crossing?: CrossingSettings | undefined;
  /** No changelog files, whatever the table's producer. */
  readonly hasNoChangelog?: boolean | undefined;
  /** Small files may still be on their way when they are planned: who gives this has the swap wait for them. */
  readonly uploads?: RunningUploads | undefined;
};

type Buffer = {
  readonly place: Place;
  batches: { rows: RowBatch; kinds: Int8Array }[];
  /** Of all rows of the place, where whoever added them said what they are of. */
  readonly origins: OriginRun[];
  bytes: number;
  groups: Group[];
  /** The number of the next row; undefined before the first spill, which asks for the bucket's. */
  next: bigint | undefined;
};

/** Rows of one place that were sorted together, and the files they are in. */
type Group = {
  readonly place: Place;
  /** The number of the first of `rows`, unless the base asks for a higher one. */
  readonly first: bigint;
  /** undefined: spilled, the files have them. */
  rows: HeldRows | undefined;
  files: readonly PlannedFile[];
  /** With `changelog-producer=input`: the rows as they came, until they are written. */
  input: readonly KeyValueBatch[];
  changelog: readonly PlannedFile[];
};

/** What is known of the base to come when rows are placed and spilled. */
type Outlook = { readonly floorOf: (place: Place) => Promise<bigint>; readonly baseOf: BaseOf };

/** What comes of the rows taken in. */
export type PlannedWrite = {
  readonly adds: readonly PlannedFile[];
  readonly changelog: readonly PlannedFile[];
  /** What becomes of the hash index of a table with dynamic buckets. */
  readonly hashes: HashEdit | undefined;
  /** Where keys that move between partitions were looked up. */
  readonly keysAt: KeysAt | undefined;
  /** By file, what its rows are of, in their order; files of rows that nobody said it of are not in it. */
  readonly origins: ReadonlyMap<string, readonly OriginRun[]>;
};

export class WriteSession {
  readonly #table: Table;
  readonly #schema: TableSchema;
  readonly #options: TableOptions;
  readonly #dynamic: DynamicBuckets | undefined;
  /** Whoever gives rows their buckets, where their keys alone do not say. */
  readonly #placer: DynamicBuckets | PostponedBuckets | undefined;
  readonly #postponedUser: string;
  readonly #crossing: CrossPartition | undefined;
  readonly #bufferBytesMax: number;
  /** As long as no base is at hand. */
  readonly #outlook: Outlook;
  readonly #producesChangelog: boolean;
  readonly #uploads: RunningUploads | undefined;
  readonly #buffers = new Map<string, Buffer>();
  #bufferedBytes = 0;
  #rowsIn = 0;
  #written = 0;

  /**
   * @param schema the schema rows come in; the table's unless a newer one is in force
   * @throws LakeError `unsupported` naming what the table asks of writers that is not done here
   */
  constructor(table: Table, schema: TableSchema = table.schema, options: WriteSessionOptions = {}) {
    const refused = refusedFeatures(schema, 'write');
    if (refused.length > 0) throw unsupported(refused.join(', '), `writing ${table.label}`);
    checkDynamicOptions(table);
    this.#table = table;
    this.#schema = schema;
    this.#options = parseTableOptions(schema);
    this.#outlook = {
      floorOf: options.sequenceFloor ?? (async () => -1n),
      baseOf: options.dynamic?.base ?? (async () => undefined),
    };
    this.#dynamic = dynamicBuckets(table, schema, options.dynamic);
    this.#placer = this.#dynamic ?? postponedBuckets(table, schema, options.dynamic);
    this.#postponedUser = fileNamePart.test(options.commitUser ?? '') ? `${options.commitUser}` : table.random.uuid();
    const writeBufferBytes = Math.min(this.#options.writeBufferBytes, table.workMemory.writeBufferBytes);
    const waitingBytesMax = writeBufferBytes * waitingShare;
    this.#crossing = crossPartition(table, schema, options.crossing, waitingBytesMax);
    this.#bufferBytesMax = this.#crossing === undefined ? writeBufferBytes * bufferShare : waitingBytesMax;
    this.#uploads = options.uploads;
    this.#producesChangelog = this.#options.changelogProducer === 'input' && options.hasNoChangelog !== true;
  }

  get schema(): TableSchema {
    return this.#schema;
  }

  get rowsIn(): number {
    return this.#rowsIn;
  }

  /** After the files were planned: rows in + moved = written + merged away. */
  get counts(): WriteCounts {
    const moved = this.#crossing?.moved ?? 0;
    return { rowsIn: this.#rowsIn, written: this.#written, mergedAway: this.#rowsIn + moved - this.#written, moved };
  }

  /** The partitions that rows were given for, where some of them may have gone elsewhere; serialized. */
  get givenPartitions(): readonly Uint8Array[] {
    return this.#crossing?.written ?? [];
  }

  /** When it is over: takes away what only the session needed; what has been planned stays. */
  async discard(): Promise<void> {
    await this.#crossing?.discard();
  }

  /**
   * Takes rows in. Spills to files when the write buffer is full.
   *
   * @param rows all columns of the schema, in order
   * @param origin which of the caller's pieces the rows are of; of tables without keys, whose rows are not merged
   * @throws LakeError `invalid` what `inputRows` throws; nothing of these rows was taken in then
   */
  async add(rows: RowBatch, kinds: Int8Array, origin?: number): Promise<void> {
    assert(rows.rowCount === kinds.length, 'one kind a row');
    assert(origin === undefined || this.#schema.primaryKeys.length === 0, 'rows that are merged are of no one piece');
    const taken = inputRows(this.#schema, { rows, kinds }, this.#table.label);
    this.#rowsIn += rows.rowCount;
    if (this.#crossing === undefined) await this.#buffer(taken, this.#outlook, origin);
    else await this.#crossing.add(taken);
  }

  async #buffer({ rows, kinds }: KindedRows, { baseOf, floorOf }: Outlook, origin?: number): Promise<void> {
    for (const placed of placeRows(this.#schema, this.#options, rows, kinds)) {
      const parts = this.#placer === undefined ? [placed] : await this.#placer.place(placed, baseOf);
      for (const part of parts) this.#bufferPart(part, origin);
    }
    await this.#spillOver(floorOf);
  }

  async #spillOver(floorOf: Outlook['floorOf']): Promise<void> {
    while (this.#bufferedBytes > this.#bufferBytesMax) await this.#spillLargest(floorOf);
  }

  #bufferPart({ place, rows, kinds }: PlacedRows, origin?: number): void {
    const key = bucketKey(place);
    let buffer = this.#buffers.get(key);
    if (buffer === undefined) {
      buffer = { place, batches: [], origins: [], bytes: 0, groups: [], next: undefined };
      this.#buffers.set(key, buffer);
    }
    const bytes = batchBytes(rows);
    buffer.batches.push({ rows, kinds });
    if (origin !== undefined) addOrigin(buffer.origins, { origin, rowCount: rows.rowCount });
    buffer.bytes += bytes;
    this.#bufferedBytes += bytes;
  }

  /**
   * The level-0 files of everything taken in, numbered above the base, and their changelog files; to be called from a
   * commit's plan, also anew on each base.
   */
  async plannedFiles(base: CommitBase, again: PlanAgain | undefined): Promise<PlannedWrite> {
    if (this.#placer !== undefined && !(await this.#placer.moveTo(base))) await this.#placeAgain(this.#placer, base);
    if (this.#crossing !== undefined && !(await this.#crossing.moveTo(base)))
      await this.#placeAll(this.#crossing, base);
    const buffers = [...this.#buffers.values()];
    const groups = (
      await mapBounded(buffers, 2 * this.#table.workMemory.bucketsInParallel, buffer =>
        this.#planBuffer(buffer, base, again),
      )
    ).flat();
    const adds = groups.flatMap(({ files }) => files);
    this.#written = adds.reduce((sum, { file }) => sum + file.rowCount, 0);
    const hashes = await this.#dynamic?.plan(base);
    const keysAt = this.#crossing?.keysAt;
    const origins = new Map(buffers.flatMap(({ origins: runs, groups: of }) => originsOfFiles(runs, of)));
    return { adds, changelog: groups.flatMap(({ changelog }) => changelog), hashes, keysAt, origins };
  }

  /** Keys are in other partitions than when rows were placed, or none is placed yet. */
  async #placeAll(crossing: CrossPartition, base: CommitBase): Promise<void> {
    this.#buffers.clear();
    this.#bufferedBytes = 0;
    for await (const placed of crossing.placed()) {
      this.#bufferPart(placed);
      await this.#spillOver(base.sequenceFloor);
    }
  }

  /** Others have given keys of ours to other buckets: all rows go where the base has them. */
  async #placeAgain(placer: DynamicBuckets | PostponedBuckets, base: CommitBase): Promise<void> {
    const buffers = [...this.#buffers.values()];
    this.#buffers.clear();
    this.#bufferedBytes = 0;
    placer.forget();
    // Not the one of the session: whoever commits is waiting for this plan.
    const outlook: Outlook = { floorOf: base.sequenceFloor, baseOf: async () => base };
    for (const buffer of buffers) {
      for await (const rows of this.#rowsOfBuffer(buffer)) await this.#buffer(rows, outlook);
    }
  }

  /** The rows of a buffer in their order: those of its groups merged, unless they are a changelog as they came. */
  async *#rowsOfBuffer({ place, groups, batches }: Buffer): AsyncGenerator<KindedRows, void, undefined> {
    for (const group of groups) {
      if (!this.#producesChangelog || isWaiting(place)) yield* this.#keyValuesOf(group, 0n);
      else if (group.input.length > 0) yield* group.input;
      else for (const { file } of group.changelog) yield* this.#keyValuesIn(group.place, file);
    }
    yield* batches;
  }

  async #planBuffer(buffer: Buffer, base: CommitBase, again: PlanAgain | undefined): Promise<readonly Group[]> {
    this.#sortBuffer(buffer);
    const waits = isWaiting(buffer.place);
    let floor = waits ? waitingNumber - 1n : await base.sequenceFloor(buffer.place);
    for (const group of buffer.groups) {
      const uploads = [...group.files, ...group.changelog];
      const isTooOld = again?.reason === 'upload-age' && uploads.some(file => again.files.includes(file));
      const isAbove = group.files.length > 0 && firstNumber(group.files) > floor;
      if (isTooOld || !isAbove) group.files = await this.#writeGroup(group, floor, { isTooOld });
      await this.#writeChangelog(group, { isTooOld });
      if (waits) continue;
      for (const { file } of group.files) if (file.maxSequenceNumber > floor) floor = file.maxSequenceNumber;
    }
    if (waits) await queueUp(buffer.place, buffer.groups, base);
    return buffer.groups;
  }

  /**
   * What is buffered becomes a group: sorted, one row a key, numbered in that order. Of rows of different keys it does not
   * matter which came first, and so each of several files of a group has numbers above the file before it (S6).
   */
  #sortBuffer(buffer: Buffer): void {
    if (buffer.batches.length === 0) return;
    const { place } = buffer;
    const waits = isWaiting(place);
    const first = waits ? waitingNumber : (buffer.next ?? 0n);
    const rows = waits ? waitingRows(buffer.batches) : flushedRows(this.#schema, buffer.batches);
    const input = this.#producesChangelog && !waits ? [...numbered(buffer.batches, first)] : [];
    buffer.groups.push({ place, first, rows, files: [], input, changelog: [] });
    this.#bufferedBytes -= buffer.bytes;
    buffer.batches = [];
    buffer.bytes = 0;
    buffer.next = first + BigInt(rows.rowCount);
  }

  async #spillLargest(floorOf: Outlook['floorOf']): Promise<void> {
    const largest = [...this.#buffers.values()].reduce((a, b) => (b.bytes > a.bytes ? b : a));
    largest.next ??= (await floorOf(largest.place)) + 1n;
    this.#sortBuffer(largest);
    const group = largest.groups.at(-1);
    assert(group !== undefined, 'a spilled buffer has a group');
    group.files = await this.#writeGroup(group, group.first - 1n, { isTooOld: false });
    await this.#writeChangelog(group, { isTooOld: false });
    await this.#uploads?.done();
    group.rows = undefined;
  }

  /** Once for each group: a changelog is read in the order of its own numbers, wherever those of the data begin. */
  async #writeChangelog(group: Group, { isTooOld }: { readonly isTooOld: boolean }): Promise<void> {
    if (group.input.length === 0 && !isTooOld) return;
    const settings = { schema: this.#schema, level: 0, source: 'append', isChangelog: true } as const;
    const writer = new DataFileWriter(this.#table, group.place, settings);
    for (const batch of group.input) await writer.writeKeyValues(batch);
    for (const { file } of group.changelog) {
      for await (const batch of this.#keyValuesIn(group.place, file)) await writer.writeKeyValues(batch);
    }
    group.changelog = await writer.finish();
    group.input = [];
  }

  /** Writes a group's rows with numbers above the floor, in their order. */
  async #writeGroup(
    group: Group,
    floor: bigint,
    { isTooOld }: { readonly isTooOld: boolean },
  ): Promise<readonly PlannedFile[]> {
    const writer = new DataFileWriter(this.#table, group.place, {
      ...{ schema: this.#schema, level: 0, source: 'append' },
      postponedUser: this.#postponedUser,
      // What is no longer in memory may be read back.
      uploads: group.rows === undefined ? undefined : this.#uploads,
    });
    const shift = floor + 1n - (group.rows === undefined ? firstNumber(group.files) : group.first);
    if (this.#schema.primaryKeys.length > 0) {
      for await (const batch of this.#keyValuesOf(group, shift)) await writer.writeKeyValues(batch);
      return writer.finish();
    }
    // The number of a row is not in an append table's file: only the file's range is told anew.
    if (group.rows === undefined && !isTooOld) return renumbered(group.files, shift);
    let next = floor + 1n;
    for await (const rows of this.#rowsOf(group)) {
      await writer.writeRows(rows, next);
      next += BigInt(rows.rowCount);
    }
    return writer.finish();
  }

  /** Their numbers larger by `shift`. */
  async *#keyValuesOf(
    { rows, first, files, place }: Group,
    shift: bigint,
  ): AsyncGenerator<KeyValueBatch, void, undefined> {
    if (rows !== undefined) {
      const { batches } = rows;
      yield* isWaiting(place) ? numberedAs(waitingNumber, batches()) : numbered(batches(), first + shift);
      return;
    }
    for (const { file } of files) {
      for await (const batch of this.#keyValuesIn(place, file)) {
        yield { ...batch, sequenceNumbers: shiftedNumbers(batch.sequenceNumbers, shift) };
      }
    }
  }

  /** The rows of a file of ours, in which nothing is deleted yet. */
  #keyValuesIn(place: Place, file: PlannedFile['file']): AsyncGenerator<KeyValueBatch, void, undefined> {
    return readKeyValues(this.#table, { ...place, deletions: noDeletions }, file, this.#wholeRows());
  }

  async *#rowsOf({ rows, files, place }: Group): AsyncGenerator<RowBatch, void, undefined> {
    if (rows !== undefined) for (const batch of rows.batches()) yield batch.rows;
    else
      for (const { file } of files)
        yield* readRows(this.#table, { ...place, deletions: noDeletions }, file, this.#wholeRows());
  }

  #wholeRows(): FileRead {
    const wanted = { fields: this.#schema.fields };
    return { schema: this.#schema, wanted, prune: undefined, batchRowsMax: readBatchRowsMax };
  }
}
