/** What the actors of the scenario share: the table's kind, its lines, what is done to them, and how far the run is. */

import { isLakeError } from '../../../../src/base/errors.ts';
import { type Random, seededRandom } from '../../../../src/base/random.ts';
import { createTable } from '../../../../src/catalog/catalog.ts';
import { parseIdentifier } from '../../../../src/catalog/identifier.ts';
import { openTable, type Table } from '../../../../src/table/table.ts';
import { workMemoryOf } from '../../../../src/table/work-memory.ts';
import type { ChainedSnapshot } from '../../chain-watch.ts';
import { logUniform, seedOf } from '../../chance.ts';
import type { SimProcess } from '../../process.ts';
import type { World } from '../../world.ts';
import { type Deed, Line } from './line.ts';
import type { State } from './rows.ts';
import { type TableKind, tableKindOf } from './table-kind.ts';

export type KindsSettings = {
  readonly commitsMax: number;
  readonly pauseMs: number;
  /** Of the pauses, those that end when others' do: rivals meet. */
  readonly rushShare: number;
};

/** Moments after which a world that goes too badly is brought to its end. */
const stepsMax = 40_000;
const idleMs = 3 * 3_600_000;
const longPauseShare = 0.03;
const longPauseMs = { min: 20 * 60_000, max: 40 * 3_600_000 };

export class KindsBench {
  readonly world: World;
  readonly kind: TableKind;
  readonly settings: KindsSettings;
  readonly main: Line;
  readonly counts: Record<string, number> = {};
  readonly branches: Line[] = [];
  readonly #pauses: Random;
  readonly #deeds = new Map<string, Deed>();
  #numbers = 0;
  #isStopped = false;

  constructor(world: World, settings: KindsSettings) {
    this.world = world;
    this.settings = settings;
    this.kind = tableKindOf(world.seed);
    this.#pauses = seededRandom(seedOf(world.seed, 'pauses'));
    this.main = new Line(world, this.kind, user => this.#deeds.get(user));
  }

  async setUp(): Promise<void> {
    const process = this.world.process('setup');
    const parts = { store: this.world.rawStore(), clock: process.clock, random: process.random };
    await createTable(parts, parseIdentifier('d.t'), this.kind.definition, { ifNotExists: false });
  }

  get isOver(): boolean {
    return this.main.headId >= this.settings.commitsMax || this.world.scheduler.steps >= stepsMax;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  stop(): void {
    this.#isStopped = true;
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  /** How many were given out. */
  get numbers(): number {
    return this.#numbers;
  }

  /** Never the same twice. */
  nextNumber(): number {
    this.#numbers += 1;
    return this.#numbers;
  }

  open(process: SimProcess, line: Line = this.main): Promise<Table> {
    const parts = this.world.parts(process);
    const workMemory = this.kind.copies ? { ...workMemoryOf(), wholeFilesBytes: 0 } : undefined;
    return openTable(parts.store, { database: 'd', name: 't', branch: line.branch }, { ...parts, workMemory });
  }

  branchFrom(branch: string, snapshot: ChainedSnapshot): Line {
    const line = new Line(this.world, this.kind, user => this.#deeds.get(user), { branch, snapshot, of: this.main });
    this.branches.push(line);
    return line;
  }

  /**
   * Does something that commits at most once. Every commit user that is made up meanwhile stands for this deed.
   *
   * @param act with the table as this deed must use it
   */
  async do<T>(
    table: Table,
    draft: Omit<Deed, 'isRefused' | 'snapshotId'>,
    act: (table: Table) => Promise<T>,
  ): Promise<T> {
    const deed: Deed = { ...draft, isRefused: false, snapshotId: undefined };
    try {
      const result = await act(this.#named(table, deed));
      this.count(`${draft.what} ${deed.snapshotId === undefined ? 'of nothing' : 'committed'}`);
      return result;
    } catch (error) {
      const isUnknown = isLakeError(error, 'LAKE_COMMIT_UNKNOWN');
      // Every other exception means that nothing was committed, and nothing will be.
      if (!isUnknown) {
        this.world.check(
          deed.snapshotId === undefined,
          () => `${draft.what} failed, and is snapshot ${deed.snapshotId}`,
        );
        deed.isRefused = true;
      }
      this.count(`${draft.what} ${isLakeError(error) ? error.code : 'failed'}`);
      throw error;
    }
  }

  /** The table as maintenance must use it: what it commits takes away partitions that are too old. */
  maintained(table: Table): Table {
    const apply = (before: State): State => before;
    return this.#named(table, { what: 'maintenance', apply, expires: true, isRefused: false, snapshotId: undefined });
  }

  #named(table: Table, deed: Deed): Table {
    const { random } = table;
    const uuid = (): string => {
      const made = random.uuid();
      this.#deeds.set(made, deed);
      return made;
    };
    return { ...table, random: { next: () => random.next(), uuid } };
  }

  /**
   * For those who do not write: whether it is time again, since so much has been committed or so long has passed. While the
   * writers sleep, they would else find hundreds of times what they have found before.
   */
  due(process: SimProcess, after: { readonly commits: number; readonly ms?: number }): () => boolean {
    const { ms = idleMs } = after;
    let last = { headId: Number.NEGATIVE_INFINITY, timeMs: 0 };
    return () => {
      const { headId } = this.main;
      const timeMs = process.clock.monotonicMs();
      if (headId - last.headId < after.commits && timeMs - last.timeMs < ms) return false;
      last = { headId, timeMs };
      return true;
    };
  }

  /** Waits as long as actors do: mostly about the pause, now and then for hours, now and then until all begin at once. */
  async pause(process: SimProcess, factor = 1): Promise<void> {
    const isLong = this.#pauses.next() < longPauseShare;
    const { pauseMs, rushShare } = this.settings;
    if (!isLong && this.#pauses.next() < rushShare) {
      const periodMs = Math.ceil(pauseMs * Math.max(1, factor / 2));
      return process.clock.sleep(periodMs - (this.world.scheduler.nowMs % periodMs));
    }
    const range = isLong ? longPauseMs : { min: Math.max(1, (pauseMs * factor) / 10), max: pauseMs * factor * 2 };
    await process.clock.sleep(logUniform(this.#pauses.next(), range));
  }
}
