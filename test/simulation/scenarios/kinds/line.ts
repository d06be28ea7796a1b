/**
 * One line of a table (the table itself, or a branch) beside its model. Whenever a snapshot comes into the chain, the model
 * takes the deed that it is of, and the product reads the snapshot's rows and changes, without faults and in no time.
 *
 * Where level 0 is not read, or a changelog is made by compaction, what is read of a key may be any of its values since the
 * last compaction of everything, and nothing else.
 */
import { rowKindByte, rowKindOf } from '../../../../src/types/row-kind.ts';
import { type ChainedSnapshot, ChainWatch, type SeenSnapshot } from '../../chain-watch.ts';
import { Violation, type World } from '../../world.ts';
import { type Change, SnapshotReader } from './snapshot-reader.ts';
import { type Row, type State, type TableKind, textOf } from './table-kind.ts';

/** Something that a process does to a line, known by the commit user that it goes by. */
export type Deed = {
  readonly what: string;
  /** What it makes of the rows. @param seen what is read of the snapshot that it has become */
  readonly apply: (before: State, seen: State) => State;
  /** Of a write: what the changelog of producer `input` must say. */
  readonly rows?: readonly Row[] | undefined;
  /** Whether its rows are in place of all that was. */
  readonly replaces?: boolean | undefined;
  /** Nothing was committed, its process was told. */
  isRefused: boolean;
  snapshotId: number | undefined;
};

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
  /** All that a key has been since this snapshot may be read, where reading lags. */
  #floor = 0;
  /** Snapshots before which everything went. */
  readonly #emptied = new Set<number>();
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
      this.#floor = of.#floorAt(snapshot.id);
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

  /** Everything that was at this snapshot has been compacted. */
  compactedUpTo(id: number): void {
    this.#floor = Math.max(this.#floor, id);
  }

  /** After a compaction of everything, with nobody else about: what is read and what was followed is all there is. */
  async checkAtRest(): Promise<void> {
    await this.#checking;
    const state = this.stateAt(this.headId);
    const seen = await this.#reader.read(this.headId);
    this.#world.check(
      same(seen, state),
      () => `${this.#label(this.headId)} at rest has ${shown(seen)} and not ${shown(state)}`,
    );
    if (!this.#isFollowed) return;
    this.#world.check(
      same(this.#followed, state),
      () => `the changes up to ${this.#label(this.headId)} give ${shown(this.#followed)} and not ${shown(state)}`,
    );
  }

  get #isFollowed(): boolean {
    return this.branch === undefined && (this.#kind.producer === 'lookup' || this.#kind.producer === 'full-compaction');
  }

  #floorAt(id: number): number {
    return Math.min(this.#floor, id);
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
    if (deed !== undefined) {
      this.#world.check(!deed.isRefused, () => `${this.#label(id)} is a ${deed.what} that was told to be refused`);
      this.#world.check(
        deed.snapshotId === undefined,
        () => `${deed.what} is ${this.#label(id)}, and was ${deed.snapshotId}`,
      );
      deed.snapshotId = id;
      if (deed.replaces === true) this.#emptied.add(id);
    }
    const state = deed === undefined ? before : deed.apply(before, seen);
    this.#states[id] = state;
    this.#seen.set(id, seen);
    this.#checks += 1;
    if (this.#kind.hidesLevel0) this.#checkLagging(id, seen, 'has');
    else this.#world.check(same(seen, state), () => `${this.#label(id)} has ${shown(seen)} and not ${shown(state)}`);
    await this.#checkChanges(id, deed);
  }

  #checkLagging(id: number, seen: State, verb: string): void {
    const since = this.#states.slice(this.#floorAt(id), id + 1);
    const mayBeAbsent = [...this.#emptied].some(emptied => emptied > this.#floor && emptied <= id);
    const keys = new Set([...seen.keys(), ...since.flatMap(state => [...state.keys()])]);
    for (const key of keys) {
      const value = seen.get(key);
      const isKnown = since.some(state => state.get(key) === value) || (value === undefined && mayBeAbsent);
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
      const lines = changes.map(({ kind, k, value }) => `${rowKindOf(kind)} ${k} ${value}`).toSorted();
      const wanted = (deed?.rows ?? [])
        .map(({ kind, k, a, b }) => `${rowKindOf(kind)} ${k} ${textOf(a, b)}`)
        .toSorted();
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

  #follow(id: number, { kind, k, value }: Change): void {
    const there = this.#followed.get(k);
    const isAdd = kind === rowKindByte['+I'] || kind === rowKindByte['+U'];
    const fits = isAdd ? there === undefined : there === value;
    this.#world.check(
      fits,
      () => `the changelog of ${this.#label(id)} says ${rowKindOf(kind)} ${k} ${value} where there is ${there}`,
    );
    if (isAdd) this.#followed.set(k, value);
    else this.#followed.delete(k);
  }

  #label(id: number): string {
    return this.branch === undefined ? `snapshot ${id}` : `snapshot ${id} of branch ${this.branch}`;
  }
}

export function same(a: State, b: State): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

export function shown(state: State): string {
  return `{${[...state]
    .toSorted(([a], [b]) => a - b)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ')}}`;
}
