/**
 * One batch of a table's records on its way in, over all rebases of its commit: decoded, written as level-0 files,
 * numbered above the base. What is done with it is the caller's: swap it in, or ask the commit function to (DESIGN I2,
 * I8).
 */
import { present } from '../../base/assert.ts';
import { schemaEvolution } from '../../format/schema-evolution.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { watermarkDefinition } from '../../format/watermark-options.ts';
import type { LogShard } from '../../storage/log-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import {
  type CommitBase,
  type CommitStop,
  commitStop,
  type PlanAgain,
  type PlannedFile,
} from '../../table/commit/request.ts';
import type { Table } from '../../table/table.ts';
import type { HashEdit } from '../../table/write/dynamic-buckets.ts';
import type { OriginRun } from '../../table/write/row-origins.ts';
import { type PlannedWrite, WriteSession } from '../../table/write/write-session.ts';
import { bucketHashKey } from '../hash-key.ts';
import { laneHashKeys, openShards, type ReadShard } from '../open-shards.ts';
import { adoptedChanges } from '../record-columns.ts';
import { type EventsTaken, SeenEvents } from '../shard-events.ts';
import { type DeadLetterFile, readDeadLetterList } from './dead-letter-list.ts';
import { storeDeadLetterFile } from './dead-letters.ts';
import { movedShard } from './decide-take.ts';
import { stateOfBase } from './load-state.ts';
import type { RowOrigin, RowOrigins } from './row-origins.ts';
import {
  bucketOfProducerKey,
  type IngestCounters,
  type IngestState,
  isForgotten,
  isReplayLane,
  isReplayProducer,
  type ProducerState,
  producerIdOfKey,
  producerKey,
  replayProducerId,
} from './state.ts';
import { type RoutedRecord, type TailSums, takeRowsOfRecords } from './tail.ts';

/** What was read of one shard, of one table's records. */
export type ShardBatch = {
  readonly shardId: string;
  /** Hash keys of the shard, both included. */
  readonly hashKeys: { readonly start: bigint; readonly end: bigint };
  /** The position recorded for this table when reading began; undefined: none. The condition of the swap. */
  readonly recorded: bigint | undefined;
  /** Above `recorded`, in order. */
  readonly records: readonly RoutedRecord[];
  /** The last record looked at, of whatever table: where the position goes. undefined: nothing was read. */
  readonly through: { readonly position: bigint; readonly arrivalMs: number } | undefined;
  readonly ended: boolean;
};

export type TakeInput = {
  readonly incarnation: string;
  /** Parents before children. */
  readonly shards: readonly ShardBatch[];
  readonly retentionMs: number | undefined;
  /** The log's shards. */
  readonly listed: readonly LogShard[];
};

export type Prepared = {
  readonly status: 'prepared';
  readonly schema: TableSchema;
  readonly adds: readonly PlannedFile[];
  readonly changelog: readonly PlannedFile[];
  /** What becomes of the hash index of a table with dynamic buckets. */
  readonly hashes: HashEdit | undefined;
  readonly counters: IngestCounters;
  /** As of the base. */
  readonly state: IngestState;
  /** Lanes with a new last number. */
  readonly producers: ReadonlyMap<string, ProducerState>;
  /** Lanes that have been silent for so long that they need not be known any more. */
  readonly forgotten: readonly string[];
  readonly letters: StoredLetters | undefined;
  /** Of the rows in `adds`; empty where nobody will want to know. */
  readonly origins: RowOrigins;
  /** undefined: the table has no watermark. */
  readonly events: EventsTaken | undefined;
};

export type StoredLetters = { readonly file: DeadLetterFile; readonly uploadBeganMs: number };

type Decoded = {
  readonly schema: TableSchema;
  readonly tail: TailSums;
  readonly session: WriteSession;
  /** What was known of the records' lanes. */
  readonly known: ReadonlyMap<string, number | undefined>;
  /** Replays of dead letters that the base named. */
  readonly replays: ReadonlySet<string>;
  readonly seen: SeenEvents | undefined;
};

export class Take {
  readonly #table: Table;
  readonly #store: ObjectStore;
  readonly #input: TakeInput;
  /** Decoded under one schema, after certain producer numbers; made again when the base's are others. */
  #decoded: Decoded | undefined;
  /** Written once for a decoding, whatever becomes of the base. */
  #letters: (StoredLetters & { readonly tail: TailSums }) | undefined;

  constructor(table: Table, store: ObjectStore, input: TakeInput) {
    this.#table = table;
    this.#store = store;
    this.#input = input;
  }

  /** Ready to be committed on this base; or why not: another has taken some of it. */
  async prepare(base: CommitBase, again: PlanAgain | undefined): Promise<Prepared | CommitStop> {
    const { incarnation, shards } = this.#input;
    const state = await stateOfBase(this.#table, base, incarnation);
    if (state === 'stale') return commitStop('changed', 'the base is older than the first rows from the log');
    const moved = movedShard(state, shards);
    if (moved !== undefined) return commitStop('changed', moved);
    if (schemaEvolution(base.schema.options) === 'adopt') {
      const headers = shards.flatMap(shard => shard.records.map(({ record }) => record.header));
      if (adoptedChanges(base.schema, headers).length > 0)
        return commitStop('changed', 'the table has not adopted the columns of its records yet');
    }
    const { tail, session, schema, known, seen } = await this.#decode(base, state);
    const { adds, changelog, hashes, origins } = await session.plannedFiles(base, again);
    const counters: IngestCounters = {
      rowsIn: BigInt(tail.rowsIn),
      written: BigInt(session.counts.written),
      mergedAway: BigInt(session.counts.mergedAway),
      deadLettered: BigInt(tail.deadLettered),
      duplicates: BigInt(tail.duplicates),
      gaps: BigInt(tail.gaps),
      replayed: BigInt(tail.replayed),
    };
    const producers = new Map(
      [...tail.producers].filter(([key, p]) => known.has(key) && known.get(key) !== p.lastNumber),
    );
    const forgotten = await this.#forgotten(state, new Map([...state.producers, ...producers]));
    const letters = await this.#storeLetters(tail);
    const files = { adds, changelog, hashes, origins: this.#originsOf(origins) };
    const events = seen && this.#events(schema, state, seen);
    return { status: 'prepared', schema, ...files, counters, state, producers, forgotten, letters, events };
  }

  get #records(): readonly RoutedRecord[] {
    return this.#input.shards.flatMap(shard => shard.records);
  }

  #originsOf(runs: PlannedWrite['origins']): RowOrigins {
    const records = this.#records;
    const placed = ({ origin, rowCount }: OriginRun): RowOrigin => {
      const { shardId, position } = present(records[origin], 'a record that was taken');
      return { shardId, position, rowCount };
    };
    return new Map([...runs].map(([fileName, ofFile]) => [fileName, ofFile.map(placed)]));
  }

  #events(schema: TableSchema, state: IngestState, { byShard }: SeenEvents): EventsTaken {
    const { shards, listed } = this.#input;
    const batches = new Map(shards.map(shard => [shard.shardId, shard]));
    const readShard = (shardId: string): ReadShard => {
      const [known, batch] = [state.shards.get(shardId), batches.get(shardId)];
      const isBegun = known !== undefined || batch?.through !== undefined;
      return { isBegun, isEnded: known?.ended === true || batch?.ended === true };
    };
    return { seen: byShard, ...openShards(listed, laneHashKeys(schema, this.#table.id ?? ''), readShard) };
  }

  async #decode(base: CommitBase, state: IngestState): Promise<Decoded> {
    const { schema } = base;
    const records = this.#records;
    const known = new Map(
      records.map(({ record: { header } }) => {
        const key = producerKey(header.producerId, header.bucket);
        return [key, state.producers.get(key)?.lastNumber];
      }),
    );
    const hasReplayed = records.some(({ record }) => isReplayProducer(record.header.producerId));
    const replays = hasReplayed ? await replaysOf(this.#table, state) : noReplays;
    const decoded = this.#decoded;
    const isSame =
      decoded?.schema.id === schema.id &&
      known.entries().every(([key, number]) => decoded.known.get(key) === number) &&
      decoded.replays.symmetricDifference(replays).size === 0;
    if (decoded !== undefined && isSame) return decoded;
    const session = new WriteSession(this.#table, schema, {
      sequenceFloor: base.sequenceFloor,
      dynamic: { source: 'base', base: async () => base },
    });
    const input = {
      table: this.#table,
      schema,
      store: this.#store,
      producers: state.producers,
      records,
      replays,
    };
    // Readers ask for it when retention has passed them, in tables where no key tells rows apart.
    const keepsOrigins = schema.primaryKeys.length === 0 && this.#input.retentionMs !== undefined;
    const definition = watermarkDefinition(schema.options);
    const seen = definition && new SeenEvents(definition);
    const tail = await takeRowsOfRecords(input, ({ rows, kinds }, { shardId, arrivalMs }, recordIndex) => {
      seen?.see(shardId, arrivalMs, rows);
      return session.add(rows, kinds, keepsOrigins ? recordIndex : undefined);
    });
    this.#decoded = { schema, tail, session, known, replays, seen };
    return this.#decoded;
  }

  /** Lanes of the shards taken here, told by their bucket; those of other shards are theirs to forget. */
  async #forgotten(state: IngestState, producers: ReadonlyMap<string, ProducerState>): Promise<readonly string[]> {
    const { shards, retentionMs } = this.#input;
    const tableId = this.#table.id ?? '';
    const newest = newestMs(shards);
    const forgotten = [...producers].flatMap(([key, producer]) => {
      if (!isForgotten(producer, newest, retentionMs)) return [];
      const hashKey = bucketHashKey(tableId, bucketOfProducerKey(key));
      const own = shards.filter(({ hashKeys }) => hashKeys.start <= hashKey && hashKey <= hashKeys.end);
      return isForgotten(producer, newestMs(own), retentionMs) ? [key] : [];
    });
    if (!forgotten.some(isReplayLane)) return forgotten;
    // How far a replay has come is known for as long as it lasts, however long that is.
    const replays = await replaysOf(this.#table, state);
    return forgotten.filter(key => !replays.has(producerIdOfKey(key)));
  }

  async #storeLetters(tail: TailSums): Promise<StoredLetters | undefined> {
    if (tail.deadLetters.length === 0) return undefined;
    if (this.#letters?.tail === tail) return this.#letters;
    const uploadBeganMs = this.#table.storeTimeMs();
    this.#letters = { tail, file: await storeDeadLetterFile(this.#table, tail.deadLetters), uploadBeganMs };
    return this.#letters;
  }
}

const noReplays: ReadonlySet<string> = new Set();

/** The producers of replays that the base's list names. */
async function replaysOf(table: Table, { deadLetters }: IngestState): Promise<ReadonlySet<string>> {
  const { replays } = await readDeadLetterList(table, deadLetters);
  return new Set(replays.map(({ name }) => replayProducerId(name)));
}

/** When the newest record of these came; 0 when there is none. */
function newestMs(shards: readonly ShardBatch[]): number {
  return Math.max(0, ...shards.flatMap(({ through }) => (through === undefined ? [] : [through.arrivalMs])));
}
