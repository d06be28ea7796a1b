/** What the actors of the commits scenario share: the table, the model of it, and how far the run is. */
import { mapBounded } from '../../../../src/base/concurrency.ts';
import { type Random, seededRandom } from '../../../../src/base/random.ts';
import { branchPath } from '../../../../src/format/paths.ts';
import type { Snapshot } from '../../../../src/format/snapshot.ts';
import { Committer } from '../../../../src/table/commit/commit.ts';
import type { PlannedFile } from '../../../../src/table/commit/request.ts';
import type { PlacedFile } from '../../../../src/table/live-files.ts';
import { fileMissing } from '../../../../src/table/manifests.ts';
import { openTable, type Table } from '../../../../src/table/table.ts';
import { plannedFile } from '../../../table-fixture.ts';
import { ChainModel, type Content, contentBytes, noContent, plus, readContent } from '../../chain-model.ts';
import { logUniform, seedOf } from '../../chance.ts';
import type { SimProcess } from '../../process.ts';
import type { World } from '../../world.ts';

export type CommitsSettings = {
  readonly buckets: number;
  /** Snapshots after which the run ends. */
  readonly commitsMax: number;
  /** About how long an actor waits between two of its deeds. */
  readonly pauseMs: number;
  /** Without, a file's name says what is in it, and nothing is uploaded. */
  readonly hasDataFiles: boolean;
  /** About how many commits lie between two deeds of an actor. */
  readonly compactEvery: number;
  readonly readEvery: number;
  /** undefined: nothing expires, and nothing is removed. */
  readonly maintainEvery: number | undefined;
};

export type OpenedTable = { readonly table: Table; readonly committer: Committer };

/** Moments after which a world that goes too badly is brought to its end. */
const stepsMax = 100_000;
const readsInParallelMax = 8;
const longPauseShare = 0.02;
/** What is looked at less often than that comes in bursts of long pauses. */
const pauseFactorMax = 100;
const earlyShare = 0.03;
const longPauseMs = { min: 20 * 60_000, max: 40 * 3_600_000 };

/** What the bench of the main line and those of its branches have in common. */
type Shared = {
  readonly counts: Record<string, number>;
  readonly pauses: Random;
  readonly branches: CommitsBench[];
  nextChange: number;
  isStopped: boolean;
};

/** One line of the table: the main line, or a branch. */
type Line = { readonly branchName: string; readonly model: ChainModel; readonly shared: Shared };

export class CommitsBench {
  readonly world: World;
  readonly model: ChainModel;
  readonly settings: CommitsSettings;
  /** Empty: the main line. */
  readonly branchName: string;
  readonly #shared: Shared;

  /** @param line a branch of another bench; undefined: the main line */
  constructor(world: World, settings: CommitsSettings, line?: Line) {
    this.world = world;
    this.settings = settings;
    this.branchName = line?.branchName ?? '';
    this.model = line?.model ?? new ChainModel('d.db/t', settings.buckets);
    const pauses = seededRandom(seedOf(world.seed, 'pauses'));
    this.#shared = line?.shared ?? { counts: {}, pauses, branches: [], nextChange: 0, isStopped: false };
    world.watch(this.model);
  }

  get counts(): Record<string, number> {
    return this.#shared.counts;
  }

  /** The benches of the branches so far. */
  get branches(): readonly CommitsBench[] {
    return this.#shared.branches;
  }

  /** The bench of a branch that begins with this snapshot. Nothing is stored. */
  branchFrom(branchName: string, snapshot: Snapshot): CommitsBench {
    const model = this.model.branch(`d.db/t/${branchPath(branchName)}`, snapshot);
    const branch = new CommitsBench(this.world, this.settings, { branchName, model, shared: this.#shared });
    this.#shared.branches.push(branch);
    return branch;
  }

  get tableOptions(): Readonly<Record<string, string>> {
    return {
      bucket: String(this.settings.buckets),
      'manifest.compression': 'null',
      'manifest.merge-min-count': '8',
      'snapshot.num-retained.min': '1',
      'snapshot.time-retained': '1 ms',
    };
  }

  get isOver(): boolean {
    return this.model.headId >= this.settings.commitsMax || this.world.scheduler.steps >= stepsMax;
  }

  get isStopped(): boolean {
    return this.#shared.isStopped;
  }

  stop(): void {
    this.#shared.isStopped = true;
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  nextChange(): number {
    this.#shared.nextChange += 1;
    return this.#shared.nextChange;
  }

  async open(process: SimProcess): Promise<OpenedTable> {
    const parts = this.world.parts(process);
    const branch = this.branchName === '' ? undefined : this.branchName;
    const table = await openTable(parts.store, { database: 'd', name: 't', branch }, parts);
    return { table, committer: new Committer(table) };
  }

  /** Waits as long as actors do: mostly about the pause, now and then for hours. */
  async pause(process: SimProcess, factor = 1): Promise<void> {
    const isLong = this.#shared.pauses.next() < longPauseShare;
    const { pauseMs } = this.settings;
    const range = isLong ? longPauseMs : { min: Math.max(1, (pauseMs * factor) / 10), max: pauseMs * factor * 2 };
    await process.clock.sleep(logUniform(this.#shared.pauses.next(), range));
  }

  /** Waits until about so many commits have come since `sinceId`, now and then for less. @returns the head then */
  async untilDue(process: SimProcess, sinceId: number, commits: number): Promise<number> {
    do {
      await this.pause(process, Math.min(commits, pauseFactorMax) / 3);
    } while (!this.isStopped && this.model.headId - sinceId < commits && process.random.next() > earlyShare);
    return this.model.headId;
  }

  bucket(process: SimProcess): number {
    return Math.floor(process.random.next() * this.settings.buckets);
  }

  /** A data file with this content, as a plan wants it. */
  async upload(table: Table, draft: UploadDraft): Promise<PlannedFile> {
    const { bucket, level, content } = draft;
    const { hasDataFiles } = this.settings;
    const name = hasDataFiles ? draft.name : `${draft.name}=${content.count}:${content.sum}`;
    const planned = plannedFile(table, { name, bucket, level, rows: Math.max(1, content.count) });
    if (hasDataFiles) await table.store.put(dataKey(table, bucket, name), contentBytes(content));
    return planned;
  }

  /** What is in these files. @throws LakeError LAKE_FILE_MISSING */
  async contentOf(table: Table, files: readonly PlacedFile[]): Promise<Content> {
    const contents = await mapBounded(files, readsInParallelMax, async ({ bucket, file }) => {
      if (!this.settings.hasDataFiles) return readContent(file.fileName.slice(file.fileName.indexOf('=') + 1));
      const key = dataKey(table, bucket, file.fileName);
      const object = await table.store.get(key);
      if (object === undefined) throw fileMissing(table, key);
      return readContent(Buffer.from(object.bytes).toString());
    });
    return contents.reduce(plus, noContent);
  }
}

export type UploadDraft = {
  readonly name: string;
  readonly bucket: number;
  readonly level: number;
  readonly content: Content;
};

export function dataKey(table: Table, bucket: number, name: string): string {
  return `${table.path}/bucket-${bucket}/${name}`;
}
