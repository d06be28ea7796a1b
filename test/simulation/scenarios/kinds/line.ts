/**
 * One line of a table (the table itself, or a branch) beside its model. Whenever a snapshot comes into the chain, the model
 * takes the deed that it is of, and the product reads the snapshot's rows and changes, without faults and in no time.
 *
 * Where level 0 is not read, or a changelog is made by compaction, what is read of a key may be any of its values since the
 * last compaction of everything, and nothing else. A row whose time is over may be gone, and what it stood for may show.
 */
import { uploadAgeMsMax } from '../../../../src/table/commit/limits.ts';
import { rowKindByte, rowKindOf } from '../../../../src/types/row-kind.ts';
import { type ChainedSnapshot, ChainWatch, type SeenSnapshot } from '../../chain-watch.ts';
import { Violation, type World } from '../../world.ts';
import { dayOfKey, difference, keyOf, type Row, type State, same, secondOf, textOf, timeOfDay } from './rows.ts';
import { type Change, SnapshotReader } from './snapshot-reader.ts';
import { partitionDays, type TableKind } from './table-kind.ts';

/** Something that a process does to a line, known by the commit user that it goes by. */
export type Deed = {
  readonly what: string;
  /** What it makes of the rows. @param seen what is read of the snapshot that it has become */
  readonly apply: (before: State, seen: State) => State;
  /** Of a write: what the changelog of producer `input` must say. */
  readonly rows?: readonly Row[] | undefined;
  /** Whether its rows are in place of all that was. */
  readonly replaces?: boolean | undefined;
  /** Whether it is maintenance, which commits as often as partitions are too old. */
  readonly expires?: boolean | undefined;
  /** Nothing was committed, its process was told. */
  isRefused: boolean;
  snapshotId: number | undefined;
};

/** Clocks of the world are wrong by up to an hour. */
const clockSkewMs = 3_600_000;
const dayMs = 24 * 3_600_000;

export class Line {
  readonly branch: string | undefined;
  readonly chain: ChainWatch;
  readonly #world: World;
  readonly #reader: SnapshotReader;
  readonly #kind: TableKind;
  readonly #deedOf: (user: string) => Deed | undefined;
  /** What a query sees with everything merged; by snapshot id, 0 is the empty table. */
  readonly #states: State[] = [new Map()];
  /** What was read of each snapshot when it came. */
  readonly #seen = new Map<number, State>();
  /** From a snapshot on, all that a key has been since another may be read, where reading lags, and nothing older. */
  readonly #floors: { readonly fromId: number; readonly floor: number }[] = [{ fromId: 0, floor: 0 }];
  /** Snapshots that have what an older one had, from which floor on: compactions of what was before say nothing of it. */
  readonly #restores: { readonly fromId: number; readonly floor: number }[] = [];
  /** Snapshots before which everything went. */
  readonly #emptied = new Set<number>();
  /** When rows of each day were committed last. */
  readonly #writtenMs = new Map<number, number>();
  #followed: Map<number, string> = new Map();
  #checking: Promise<void> = Promise.resolve();
  #checks = 0;

  constructor(
    world: World,
    kind: TableKind,
    deedOf: (user: string) => Deed | undefined,
    start?: { readonly branch: string; readonly snapshot: ChainedSnapshot; readonly of: Line },
  ) {
    this.#world = world;
    this.#kind = kind;
    this.#deedOf = deedOf;
    this.branch = start?.branch;
    const metaPath = start === undefined ? 'd.db/t' : `d.db/t/branch/branch-${start.branch}`;
    this.#reader = new SnapshotReader(world, { metaPath, branch: this.branch });
    this.chain = new ChainWatch(metaPath, snapshot => this.#linked(snapshot), start?.snapshot);
    if (start !== undefined) {
      const { snapshot, of } = start;
      this.#states = of.#states.slice(0, snapshot.id + 1);
      this.#floors.push({ fromId: 0, floor: of.#floorAt(snapshot.id) });
      for (const [id, state] of of.#seen) if (id <= snapshot.id) this.#seen.set(id, state);
      for (const [day, timeMs] of of.#writtenMs) this.#writtenMs.set(day, timeMs);
      for (const id of of.#emptied) if (id <= snapshot.id) this.#emptied.add(id);
    }
    world.watch(this.chain);
  }

  get headId(): number {
    return this.chain.headId;
  }

  /** How many snapshots were read when they came. */
  get checks(): number {
    return this.#checks;
  }

  stateAt(id: number): State {
    const state = this.#states[id];
    if (state === undefined) throw new Violation(`${this.#label(id)} is not in the chain`);
    return state;
  }

  /** What any reader of a snapshot must see. */
  async seenAt(id: number): Promise<State> {
    await this.#checking;
    return this.#seen.get(id) ?? this.stateAt(id);
  }

  /** What was read of a snapshot when it came; of those that a branch began with, all that was in it. */
  seenOf(id: number): State {
    return this.#seen.get(id) ?? this.stateAt(id);
  }

  /**
   * The state of a snapshot that shows what another one has shown, of this line or of a branch. What was not compacted then
   * is not compacted now, so it may come to be read from here on.
   *
   * @param seen what is read of the new snapshot
   */
  restoredFrom(line: Line, id: number, seen: State): State {
    const then = line.seenOf(id);
    this.#world.check(
      this.#kind.recordSeconds !== undefined || same(seen, then),
      () => `what has gone back to ${line.#label(id)} has ${difference(seen, then)}`,
    );
    this.#restores.push({ fromId: this.#states.length, floor: line.#floorAt(id) });
    return line.stateAt(id);
  }

  /** Everything that was at a snapshot has been compacted in another. */
  compactedUpTo(id: number, fromId: number): void {
    this.#floors.push({ fromId, floor: id });
  }

  /** After a compaction of everything, with nobody else about: what is read and what was followed is all there is. */
  async checkAtRest(): Promise<void> {
    await this.#checking;
    const id = this.headId;
    const state = this.stateAt(id);
    const seen = await this.#reader.read(id);
    this.#world.check(this.#fits(id, seen), () => `${this.#label(id)} at rest has ${difference(seen, state)}`);
    if (!this.#isFollowed) return;
    this.#world.check(
      same(this.#followed, state),
      () => `the changes up to ${this.#label(id)} give ${difference(this.#followed, state)}`,
    );
  }

  get #isFollowed(): boolean {
    // A key may be told to have come to a partition before it is told to have gone from another.
    if (this.#kind.isCrossing) return false;
    return this.branch === undefined && (this.#kind.producer === 'lookup' || this.#kind.producer === 'full-compaction');
  }

  #floorAt(id: number): number {
    const restored = this.#restores.findLast(({ fromId }) => fromId <= id) ?? { fromId: 0, floor: 0 };
    const since = this.#floors.filter(({ fromId }) => fromId >= restored.fromId && fromId <= id);
    return Math.max(restored.floor, ...since.map(({ floor }) => floor));
  }

  /** Snapshots come one after the other; each is read before the next moment, since nothing here waits for time. */
  #linked(snapshot: SeenSnapshot): void {
    this.#checking = this.#checking
      .then(() => this.#check(snapshot))
      .catch((error: unknown) => this.#world.fail(error));
  }

  async #check({ id, user }: SeenSnapshot): Promise<void> {
    const deed = this.#deedOf(user);
    const seen = await this.#reader.read(id);
    const before = this.stateAt(id - 1);
    if (deed !== undefined) this.#note(id, deed);
    const state = deed?.expires === true ? await this.#expired(id, before) : (deed?.apply(before, seen) ?? before);
    this.#states[id] = state;
    this.#seen.set(id, seen);
    this.#checks += 1;
    if (this.#kind.hidesLevel0) this.#checkLagging(id, seen, 'has');
    else this.#world.check(this.#fits(id, seen), () => `${this.#label(id)} has ${difference(seen, state)}`);
    await this.#checkChanges(id, deed);
  }

  #note(id: number, deed: Deed): void {
    this.#world.check(!deed.isRefused, () => `${this.#label(id)} is a ${deed.what} that was told to be refused`);
    this.#world.check(
      deed.snapshotId === undefined || deed.expires === true,
      () => `${deed.what} is ${this.#label(id)}, and was ${deed.snapshotId}`,
    );
    deed.snapshotId = id;
    if (deed.replaces === true) this.#emptied.add(id);
    for (const { day } of deed.rows ?? []) this.#writtenMs.set(day, this.#world.storeTimeMs);
  }

  /** Partitions go whole, and only those that are old enough. */
  async #expired(id: number, before: State): Promise<State> {
    const days = await this.#reader.removedDays(id);
    const { storeTimeMs } = this.#world;
    for (const day of days) {
      const isOld =
        this.#kind.partitionStrategy === 'values-time'
          ? timeOfDay(day + partitionDays) < storeTimeMs + 1_000
          : (this.#writtenMs.get(day) ?? 0) + partitionDays * dayMs - uploadAgeMsMax - clockSkewMs < storeTimeMs;
      this.#world.check(isOld, () => `${this.#label(id)} removes the partition of day ${day}, which is too young`);
    }
    for (const key of this.#followed.keys()) if (days.has(dayOfKey(key))) this.#followed.delete(key);
    return new Map([...before].filter(([key]) => !days.has(dayOfKey(key))));
  }

  /** Whether that is what a snapshot must show. */
  #fits(id: number, seen: State): boolean {
    const state = this.stateAt(id);
    if (this.#kind.recordSeconds === undefined) return same(seen, state);
    const keys = new Set([...seen.keys(), ...state.keys()]);
    return [...keys].every(key => seen.get(key) === state.get(key) || this.#mayShow(id, key, seen.get(key)));
  }

  /** Whether a row whose time is over has given way to what is shown. */
  #mayShow(id: number, key: number, value: string | undefined): boolean {
    const { recordSeconds } = this.#kind;
    const since = this.#states.slice(this.#kind.hidesLevel0 ? this.#floorAt(id) : id, id + 1);
    if (recordSeconds === undefined) return false;
    const endSeconds = (this.#world.scheduler.nowMs + clockSkewMs) / 1_000 - recordSeconds;
    const isOver = since.some(state => {
      const text = state.get(key);
      return text !== undefined && (secondOf(text) ?? Number.POSITIVE_INFINITY) < endSeconds;
    });
    return isOver && (value === undefined || this.#states.slice(0, id + 1).some(state => state.get(key) === value));
  }

  #checkLagging(id: number, seen: State, verb: string): void {
    const since = this.#states.slice(this.#floorAt(id), id + 1);
    const mayBeAbsent = [...this.#emptied].some(emptied => emptied > this.#floorAt(id) && emptied <= id);
    const keys = new Set([...seen.keys(), ...since.flatMap(state => [...state.keys()])]);
    for (const key of keys) {
      const value = seen.get(key);
      const isKnown =
        since.some(state => state.get(key) === value) ||
        (value === undefined && mayBeAbsent) ||
        this.#mayShow(id, key, value);
      this.#world.check(isKnown, () => {
        const known = since.map((state, index) => `${this.#floorAt(id) + index}: ${state.get(key)}`).join(', ');
        return `${this.#label(id)} ${verb} ${value} for key ${key}, which it was not: ${known}`;
      });
    }
  }

  async #checkChanges(id: number, deed: Deed | undefined): Promise<void> {
    if (this.#kind.producer === 'none' || this.#kind.engine === 'append') return;
    const changes = await this.#reader.changes(id);
    if (this.#kind.producer === 'input') {
      const rows = (deed?.rows ?? []).map(row => ({ kind: row.kind, key: keyOf(row), value: textOf(row.values) }));
      const wanted = rows.map(lineOf).toSorted();
      const lines = (this.#kind.isCrossing ? withoutMoves(changes, rows) : changes).map(lineOf).toSorted();
      this.#world.check(
        lines.join() === wanted.join(),
        () => `the changelog of ${this.#label(id)} is ${lines.join()} and not ${wanted.join()}`,
      );
      return;
    }
    if (!this.#isFollowed) return;
    for (const change of changes) this.#follow(id, change);
    if (changes.length > 0) this.#checkLagging(id, this.#followed, 'with its changes gives');
  }

  #follow(id: number, { kind, key, value }: Change): void {
    const there = this.#followed.get(key);
    const isAdd = kind === rowKindByte['+I'] || kind === rowKindByte['+U'];
    const fits = isAdd ? there === undefined : there === value;
    this.#world.check(
      fits,
      () => `the changelog of ${this.#label(id)} says ${rowKindOf(kind)} ${key} ${value} where there is ${there}`,
    );
    if (isAdd) this.#followed.set(key, value);
    else this.#followed.delete(key);
  }

  #label(id: number): string {
    return this.branch === undefined ? `snapshot ${id}` : `snapshot ${id} of branch ${this.branch}`;
  }
}

function lineOf({ kind, key, value }: Change): string {
  return `${rowKindOf(kind)} ${key} ${value}`;
}

/** Without one delete for each row, with its values: that of its key in the partition where it was. */
function withoutMoves(changes: readonly Change[], rows: readonly Change[]): readonly Change[] {
  const gone = rowKindByte['-D'];
  return [...Map.groupBy(changes, ({ key, value }) => `${key} ${value}`).values()].flatMap(ofRow => {
    const isMoved = ofRow.length === 2 && ofRow.some(({ kind }) => kind === gone);
    const row = rows.find(({ key, value }) => key === ofRow[0]?.key && value === ofRow[0]?.value);
    return isMoved && row !== undefined ? [row] : ofRow;
  });
}
