/**
 * What a reader has made of what it was given: the rows by key. Everybody who reads changes is checked here, at each row and at
 * each place, against the model of the log.
 */
import type { ResumePoint } from '../../../../src/flow/read/resume-point.ts';
import { keptName, type LakeBench } from '../lake/bench.ts';
import type { Change } from '../lake/log-model.ts';
import type { PlaceModel, Positions } from './place-model.ts';

/** Rows that are in the answer; all of them unless there is a filter. */
export type Passes = (value: number) => boolean;

export type MirrorSettings = {
  readonly who: string;
  readonly tableName: string;
  readonly passes: Passes;
};

/** A mirror as it was at a place. */
export type SavedMirror = { readonly rows: ReadonlyMap<number, number>; readonly given: Positions };

export class Mirror {
  readonly #bench: LakeBench;
  readonly #places: PlaceModel;
  readonly #settings: MirrorSettings;
  #rows = new Map<number, number>();
  /** The farthest that was ever given, by shard: what is told again of it may run behind the rows. */
  #given = new Map<string, bigint>();

  constructor(bench: LakeBench, places: PlaceModel, settings: MirrorSettings) {
    this.#bench = bench;
    this.#places = places;
    this.#settings = settings;
  }

  save(): SavedMirror {
    return { rows: new Map(this.#rows), given: new Map(this.#given) };
  }

  /** @param saved undefined: it has nothing yet */
  restore(saved: SavedMirror | undefined): void {
    this.#rows = new Map(saved?.rows);
    this.#given = new Map(saved?.given);
  }

  /** Whoever begins with nothing but a place has what was there. */
  adopt(point: ResumePoint): void {
    const positions = this.#places.positionsOf(point);
    this.restore({ rows: new Map(), given: positions });
    for (const [key, history] of this.#histories()) {
      // What is unknown there was before: the log and the table are done with its shard.
      const value = history.findLast(change => this.#places.standingOf(change, positions) !== 'above')?.value;
      if (value !== undefined && this.#settings.passes(value)) this.#rows.set(key, value);
    }
  }

  /** A row of a state, before any change. */
  begin(key: number, value: number): void {
    this.#check(!this.#rows.has(key), () => `key ${key} comes twice in the rows it begins with`);
    this.#rows.set(key, value);
  }

  /** @param value undefined: it is deleted */
  change(key: number, value: number | undefined, mayRepeat: boolean): void {
    if (!mayRepeat) this.#checkOrder(key, value);
    if (value === undefined) this.#rows.delete(key);
    else this.#rows.set(key, value);
  }

  /** Of an answer, where a key may be taken away that is not there. */
  put(key: number, value: number): void {
    this.#rows.set(key, value);
  }

  remove(key: number): void {
    this.#rows.delete(key);
  }

  /** Everything up to the place was given. @param isExact nothing beyond it was, in this answer */
  at(point: ResumePoint, { isExact }: { readonly isExact: boolean }): void {
    const positions = this.#places.positionsOf(point);
    if (isExact) this.#given = new Map(positions);
    for (const [shardId, position] of positions) {
      if (position > (this.#given.get(shardId) ?? -1n)) this.#given.set(shardId, position);
    }
    const where = point.log === undefined ? `snapshot ${point.snapshotId}` : 'a place in the log';
    for (const [key, history] of this.#histories()) {
      const allowed = this.#allowedAt(history, positions);
      const value = this.#rows.get(key);
      this.#check(
        allowed.has(value),
        () => `at ${where} key ${key} is ${value ?? 'absent'}, expected ${[...allowed].join(' or ')}`,
      );
    }
    for (const key of this.#rows.keys()) this.#check(this.#histories().has(key), () => `nobody wrote key ${key}`);
  }

  /** Whether a place is behind all that was in the log at a tip (log-model.ts). */
  covers(point: ResumePoint, tip: number): boolean {
    const positions = this.#places.positionsOf(point);
    return [...this.#histories().values()].every(history =>
      history.every(change => change.ordinal > tip || this.#places.standingOf(change, positions) !== 'above'),
    );
  }

  /** Whether it has what the log has. */
  get isUpToDate(): boolean {
    return [...this.#histories()].every(([key, history]) => this.#rows.get(key) === this.#seen(history.at(-1)?.value));
  }

  /** An answer without a place: each key is as it was at some moment since the answer before. @returns the tip at its end */
  answered(from: number): number {
    const tip = this.#bench.model.catchUp();
    for (const [key, history] of this.#histories()) {
      const before = history.findLast(({ ordinal }) => ordinal <= from)?.value;
      const later = history.filter(({ ordinal }) => ordinal > from).map(({ value }) => value);
      const allowed = new Set([before, ...later].map(value => this.#seen(value)));
      const value = this.#rows.get(key);
      this.#check(
        allowed.has(value),
        () => `key ${key} of the answer is ${value ?? 'absent'}, expected ${[...allowed].join(' or ')}`,
      );
    }
    return tip;
  }

  #allowedAt(history: readonly Change[], positions: Positions): ReadonlySet<number | undefined> {
    const isFar = (change: Change): boolean => this.#places.standingOf(change, this.#given) !== 'above';
    const last = history.findLastIndex(change => this.#places.standingOf(change, positions) === 'below');
    // What has been given beyond the place, or nobody can tell of.
    const open = history.filter((change, at) => at > last && isFar(change));
    return new Set([history[last]?.value, ...open.map(({ value }) => value)].map(value => this.#seen(value)));
  }

  /** A key's changes come in the log's order: each is later in its history than what the reader has. */
  #checkOrder(key: number, value: number | undefined): void {
    const has = this.#rows.get(key);
    if (this.#settings.tableName === keptName) {
      this.#check(has === undefined, () => `row ${key} came twice`);
      return;
    }
    const history = this.#histories().get(key) ?? [];
    const hasAt = has === undefined ? -1 : history.findIndex(change => change.value === has);
    const comesAt = history.findLastIndex(change => change.value === value);
    this.#check(comesAt > hasAt, () => `key ${key} = ${value ?? 'deleted'} came after ${has}`);
  }

  #seen(value: number | undefined): number | undefined {
    return value !== undefined && this.#settings.passes(value) ? value : undefined;
  }

  #histories(): ReadonlyMap<number, readonly Change[]> {
    this.#bench.model.catchUp();
    return this.#bench.model.table(this.#settings.tableName).histories;
  }

  #check(holds: boolean, what: () => string): void {
    this.#bench.world.check(holds, () => `${this.#settings.who} of ${this.#settings.tableName}: ${what()}`);
  }
}
