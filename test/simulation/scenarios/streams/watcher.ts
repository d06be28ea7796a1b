/** Live queries that come and go (RFC 0020): each complete answer is what was there at its place, and the next watch goes on from it. */
import { isLakeError } from '../../../../src/base/errors.ts';
import { decodeResumePoint } from '../../../../src/flow/read/resume-point.ts';
import { openLakeParts } from '../../../../src/service/lake-parts.ts';
import { watchLakeTable } from '../../../../src/service/watch/watch.ts';
import type { WatchedPart } from '../../../../src/service/watch/watched-part.ts';
import { rowsOf } from '../../../../src/types/column-reader.ts';
import { logUniform } from '../../chance.ts';
import type { SimProcess } from '../../process.ts';
import type { LakeBench } from '../lake/bench.ts';
import { Mirror, type SavedMirror } from './mirror.ts';
import type { PlaceModel } from './place-model.ts';

export type WatcherSettings = {
  readonly name: string;
  readonly tableName: string;
  /** Rows whose `n` is above it are in the answer; undefined: all. */
  readonly above: number | undefined;
};

const minuteMs = 60_000;
const sessionMs = { min: 2_000, max: 60_000 };
const longPauseMs = { min: 10 * minuteMs, max: 8 * 60 * minuteMs };
const longPauseShare = 0.15;
const forgetfulShare = 0.1;
/** Snapshots stay for an hour at least after they were followed (A). */
const keptMs = 50 * minuteMs;

export class Watcher {
  readonly #bench: LakeBench;
  readonly #places: PlaceModel;
  readonly #settings: WatcherSettings;
  #kept: { readonly resume: string; readonly mirror: SavedMirror; readonly tip: number } | undefined;
  #isUpToDate = false;

  constructor(bench: LakeBench, places: PlaceModel, settings: WatcherSettings) {
    this.#bench = bench;
    this.#places = places;
    this.#settings = settings;
  }

  get who(): string {
    return `${this.#settings.name} of ${this.#settings.tableName}`;
  }

  get isUpToDate(): boolean {
    return this.#isUpToDate;
  }

  run(): Promise<void> {
    return this.#bench.world.supervise(this.#settings.name, async process => {
      while (!this.#bench.isStopped) {
        const isLong = process.random.next() < longPauseShare;
        if (isLong) await process.clock.sleep(logUniform(process.random.next(), longPauseMs));
        else await this.#bench.pause(process, 4);
        if (this.#bench.isStopped) return;
        if (process.random.next() < forgetfulShare) this.#kept = undefined;
        await this.#session(process);
      }
    });
  }

  async #session(process: SimProcess): Promise<void> {
    const { world } = this.#bench;
    this.#isUpToDate = false;
    const beganMs = world.scheduler.nowMs;
    const log = this.#bench.logStore(process);
    const parts = await openLakeParts({ warehouse: 'memory:watched' }, { ...world.parts(process), log });
    const table = await this.#bench.open(process, this.#settings.tableName);
    const stop = new AbortController();
    void process.clock.sleep(logUniform(process.random.next(), sessionMs)).then(() => stop.abort());
    const { above, name } = this.#settings;
    const passes = (value: number): boolean => above === undefined || value > above;
    const mirror = new Mirror(this.#bench, this.#places, { ...this.#settings, who: name, passes });
    mirror.restore(this.#kept?.mirror);
    const request = {
      columns: ['k', 'n'],
      where: above === undefined ? undefined : `n > ${above}`,
      resume: this.#kept?.resume,
      signal: stop.signal,
    };
    let tip = this.#kept?.tip ?? 0;
    try {
      for await (const part of watchLakeTable(parts, table, request)) {
        this.#take(mirror, part);
        if (!part.isComplete) continue;
        tip = this.#check(mirror, part, tip);
        if (process.random.next() < 0.1) await this.#bench.pause(process);
      }
    } catch (error) {
      // It was about to begin, and stood still for so long that its snapshot went away.
      const isLate = world.scheduler.nowMs - beganMs > keptMs;
      if (!isLate || !isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) throw error;
      this.#bench.count('watches that came too late');
      return;
    }
    this.#bench.count('watches');
    this.#isUpToDate = mirror.isUpToDate;
  }

  #take(mirror: Mirror, { kind, part, changes }: WatchedPart): void {
    if (kind === 'full' && part === 0) mirror.restore(undefined);
    if (part === 0) this.#bench.count(`answers ${kind}`);
    for (const { op, rows } of changes) {
      for (const [key, value] of rowsOf(rows)) {
        if (op === '+') mirror.put(Number(key), Number(value));
        else mirror.remove(Number(key));
      }
    }
  }

  /** @returns the tip of the log that the next answer is not older than */
  #check(mirror: Mirror, { resume }: WatchedPart, from: number): number {
    const [kind, , , text = ''] = resume?.split('.') ?? [];
    if (resume === undefined) return from;
    let tip = from;
    if (kind === 't') mirror.at(decodeResumePoint(text), { isExact: true });
    else tip = mirror.answered(from);
    this.#kept = { resume, mirror: mirror.save(), tip };
    return tip;
  }
}
