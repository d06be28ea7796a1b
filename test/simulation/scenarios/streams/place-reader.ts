/**
 * Readers of changes that come and go: a session follows the table for a while, or reads until now, breaks off or dies, and the
 * next goes on from where it stood. One keeps its places itself, with what it has made of the changes; of another the table
 * remembers them, under a name that at times two have (RFC 0014, 0017).
 */
import { isLakeError } from '../../../../src/base/errors.ts';
import { type ConsumeRequest, consume } from '../../../../src/flow/read/consume.ts';
import type { SubscribeFrom } from '../../../../src/flow/read/history-range.ts';
import { decodeResumePoint, encodeResumePoint, type ResumePoint } from '../../../../src/flow/read/resume-point.ts';
import type { SubscribedBatch } from '../../../../src/flow/read/subscribed-batch.ts';
import type { ObjectStore } from '../../../../src/storage/object-store.ts';
import { openTable, type Table } from '../../../../src/table/table.ts';
import { rowsOf } from '../../../../src/types/column-reader.ts';
import { changedStore } from '../../../changed-ports.ts';
import { logUniform } from '../../chance.ts';
import type { SimProcess } from '../../process.ts';
import { identifierOf, keptName, type LakeBench } from '../lake/bench.ts';
import { Mirror, type SavedMirror } from './mirror.ts';
import type { PlaceModel } from './place-model.ts';

export type PlaceReaderSettings = {
  readonly name: string;
  readonly tableName: string;
  /** The table remembers where it stands. */
  readonly isConsumer: boolean;
};

type Kept = { readonly point: ResumePoint; readonly mirror: SavedMirror };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const sessionMs = { min: 2_000, max: 60_000 };
/** Longer than logs keep their records, at times. */
const longPauseMs = { min: 10 * minuteMs, max: 8 * hourMs };
const longPauseShare = 0.15;
const boundedShare = 0.4;
const fullShare = 0.7;
/** Snapshots stay for an hour at least after they were followed (A). */
const keptMs = 50 * minuteMs;
const deleteKind = 3;
const endings = ['LAKE_RESUME_EXPIRED', 'LAKE_SNAPSHOT_EXPIRED', 'LAKE_LOG_GAP'] as const;

export class PlaceReader {
  readonly #bench: LakeBench;
  readonly #settings: PlaceReaderSettings;
  readonly #places: PlaceModel;
  /** Of a reader that keeps its place itself: what is on its disk. */
  #kept: Kept | undefined;
  /** Of a consumer: its mirror at each place that the table may remember. */
  readonly #known = new Map<string, SavedMirror>();
  #generation = 0;
  #isUpToDate = false;

  constructor(bench: LakeBench, places: PlaceModel, settings: PlaceReaderSettings) {
    this.#bench = bench;
    this.#places = places;
    this.#settings = settings;
  }

  get who(): string {
    return `${this.#settings.name} of ${this.#settings.tableName}`;
  }

  get isConsumer(): boolean {
    return this.#settings.isConsumer;
  }

  /** Whether its last session ended with all that the log has by now. */
  get isUpToDate(): boolean {
    return this.#isUpToDate;
  }

  run(who: string = this.#settings.name): Promise<void> {
    const { world } = this.#bench;
    return world.supervise(who, async process => {
      while (!this.#bench.isStopped) {
        await this.#pause(process);
        if (this.#bench.isStopped) return;
        await this.#guarded(() => this.#session(process));
      }
    });
  }

  async #pause(process: SimProcess): Promise<void> {
    if (process.random.next() >= longPauseShare) return this.#bench.pause(process, 4);
    await process.clock.sleep(logUniform(process.random.next(), longPauseMs));
  }

  /** What a reader may be told instead of changes, and what it then does. */
  async #guarded(session: () => Promise<void>): Promise<void> {
    const { world, settings } = this.#bench;
    const { tableName, isConsumer } = this.#settings;
    const beganMs = world.scheduler.nowMs;
    try {
      await session();
    } catch (error) {
      if (isConsumer && isLakeError(error, 'LAKE_CONSUMER_TAKEN')) return this.#bench.count('consumers taken over');
      const code = endings.find(ending => isLakeError(error, ending));
      if (code === undefined) throw error;
      const lagMs = this.#kept === undefined ? 0 : this.#places.lagMs(this.#kept.point);
      const behindMs = Math.max(lagMs, world.scheduler.nowMs - beganMs);
      const isForgotten = settings.retentionMs !== undefined && tableName === keptName && code === 'LAKE_LOG_GAP';
      const isExpired = !this.#isHeld() && behindMs > keptMs;
      world.check(
        isForgotten || isExpired,
        () => `${this.who}, behind for ${Math.round(behindMs / minuteMs)} min: ${String(error)}`,
      );
      this.#bench.count(`${isConsumer ? 'consumers' : 'readers'} ended by ${code}`);
      this.#kept = undefined;
      this.#known.clear();
      this.#generation += 1;
    }
  }

  /** Whether the table holds what it stands before. */
  #isHeld(): boolean {
    return this.#settings.isConsumer && this.#known.size > 0;
  }

  async #session(process: SimProcess): Promise<void> {
    const { world, model } = this.#bench;
    this.#isUpToDate = false;
    const opened = new OpenedConsumer(world.store(process), this.#consumerId());
    const table = await this.#open(process, opened.store);
    const parts = { ...world.parts(process), store: opened.store, log: this.#bench.logStore(process) };
    const isBounded = process.random.next() < boundedShare;
    const tip = model.catchUp();
    const stop = new AbortController();
    if (!isBounded) void this.#stopLater(process, stop);
    const mirror = new Mirror(this.#bench, this.#places, {
      ...this.#settings,
      who: this.#settings.name,
      passes: () => true,
    });
    const from = this.#from(process);
    const request: ConsumeRequest = {
      from,
      until: isBounded ? { kind: 'now' } : undefined,
      consumerId: this.#settings.isConsumer ? this.#consumerId() : undefined,
    };
    let isBegun = false;
    let last: ResumePoint | undefined;
    for await (const batch of consume(parts, table, request, stop.signal)) {
      if (!isBegun && from.kind === 'latest') this.#beginNow(mirror, batch);
      else if (!isBegun) this.#begin(mirror, batch, opened.place);
      isBegun = true;
      this.#take(mirror, batch);
      last = batch.resume ?? last;
      if (process.random.next() < 0.1) await this.#bench.pause(process);
    }
    this.#bench.count(`${this.#settings.isConsumer ? 'consumer' : 'reader'} sessions`);
    // Where only snapshots are followed, until now is the head.
    const isCovered = !isBounded || last?.log === undefined || mirror.covers(last, tip);
    world.check(isCovered, () => `${this.who} was to read until now, and did not`);
    this.#isUpToDate = isBegun && mirror.isUpToDate;
  }

  #open(process: SimProcess, store: ObjectStore): Promise<Table> {
    const { database, table: name } = identifierOf(this.#settings.tableName);
    return openTable(store, { database, name }, this.#bench.world.parts(process));
  }

  async #stopLater(process: SimProcess, stop: AbortController): Promise<void> {
    await process.clock.sleep(logUniform(process.random.next(), sessionMs));
    stop.abort();
  }

  /** A consumer that could not go on is another from then on. */
  #consumerId(): string {
    return `${this.#settings.name}-${this.#generation}`;
  }

  #from(process: SimProcess): SubscribeFrom {
    if (this.#settings.isConsumer) return { kind: 'full' };
    if (this.#kept === undefined) return { kind: process.random.next() < fullShare ? 'full' : 'latest' };
    const text = encodeResumePoint(this.#kept.point);
    this.#bench.world.check(text !== undefined, 'a place of some shards has no text');
    return { kind: 'resume', point: decodeResumePoint(text ?? '') };
  }

  /** What there was before is as the model has it. */
  #beginNow(mirror: Mirror, { resume, rows }: SubscribedBatch): void {
    this.#bench.world.check(
      resume !== undefined && rows.rowCount === 0,
      () => `${this.who} was to be told where it begins`,
    );
    if (resume !== undefined) mirror.adopt(resume);
    this.#bench.count('readers from now on');
  }

  #begin(mirror: Mirror, batch: SubscribedBatch, place: string | undefined): void {
    if (!this.#settings.isConsumer) mirror.restore(this.#kept?.mirror);
    if (place === undefined) return;
    const { world } = this.#bench;
    const known = this.#known.get(placeName(decodeResumePoint(place)));
    world.check(known !== undefined, () => `${this.who}: the table remembers a place that was never given`);
    world.check(batch.phase !== 'snapshot', () => `${this.who} has a place, and begins again`);
    mirror.restore(known);
    this.#bench.count('consumers resumed');
  }

  #take(mirror: Mirror, { rows, kinds, phase, resume, mayRepeat = false }: SubscribedBatch): void {
    const names = rows.rowType.fields.map(({ name }) => name);
    const [keyAt, valueAt] = [names.indexOf('k'), names.indexOf('n')];
    for (const [at, row] of rowsOf(rows).entries()) {
      const [key, value] = [Number(row[keyAt]), Number(row[valueAt])];
      if (phase === 'snapshot') mirror.begin(key, value);
      else mirror.change(key, kinds[at] === deleteKind ? undefined : value, mayRepeat);
    }
    this.#bench.count(`${phase} rows`, rows.rowCount);
    if (mayRepeat) this.#bench.count('batches that may repeat');
    if (phase === 'changes' && resume === undefined && rows.rowCount > 0) this.#bench.count('batches of a way back');
    if (resume === undefined) return;
    mirror.at(resume, { isExact: false });
    const saved = mirror.save();
    if (this.#settings.isConsumer) this.#known.set(placeName(resume), saved);
    else this.#kept = { point: resume, mirror: saved };
  }
}

/** A consumer's file names another snapshot beside the same place. */
function placeName({ snapshotId, log }: ResumePoint): string {
  if (log === undefined) return `snapshot ${snapshotId}`;
  const positions = [...log.positions].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return positions.map(([shardId, position]) => `${shardId}@${position}`).join(' ');
}

/** Sees the place that a session found when it took the consumer over: the first that it reads. */
class OpenedConsumer {
  readonly store: ObjectStore;
  #place: string | undefined;
  #isRead = false;

  constructor(store: ObjectStore, consumerId: string) {
    this.store = changedStore(store, {
      get: async (key, options) => {
        const object = await store.get(key, options);
        if (!this.#isRead && key.endsWith(`/consumer/consumer-${consumerId}`)) {
          this.#isRead = true;
          if (object !== undefined) this.#place = placeIn(object.bytes);
        }
        return object;
      },
    });
  }

  get place(): string | undefined {
    return this.#place;
  }
}

function placeIn(bytes: Uint8Array): string | undefined {
  const json: { readonly 'tidelake.place'?: string } = JSON.parse(new TextDecoder().decode(bytes));
  return json['tidelake.place'];
}
