/** What the actors of the commits scenario share: the table, the model of it, and how far the run is. */
import { mapBounded } from '../../../../src/base/concurrency.ts';
import { type Random, seededRandom } from '../../../../src/base/random.ts';
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
  /** In pauses. */
  readonly compactEvery: number;
  readonly readEvery: number;
  /** In commits; undefined: nothing expires, and nothing is removed. */
  readonly maintainEvery: number | undefined;
};

export type OpenedTable = { readonly table: Table; readonly committer: Committer };

/** Moments after which a world that goes too badly is brought to its end. */
const stepsMax = 100_000;
const readsInParallelMax = 8;
const longPauseShare = 0.02;
const longPauseMs = { min: 20 * 60_000, max: 40 * 3_600_000 };

export class CommitsBench {
  readonly world: World;
  readonly model: ChainModel;
  readonly settings: CommitsSettings;
  readonly counts: Record<string, number> = {};
  readonly #pauses: Random;
  #nextChange = 0;
  #isStopped = false;

  constructor(world: World, settings: CommitsSettings) {
    this.world = world;
    this.settings = settings;
    this.model = new ChainModel('d.db/t', settings.buckets);
    this.#pauses = seededRandom(seedOf(world.seed, 'pauses'));
    world.watch(this.model);
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
    return this.#isStopped;
  }

  stop(): void {
    this.#isStopped = true;
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  nextChange(): number {
    this.#nextChange += 1;
    return this.#nextChange;
  }

  async open(process: SimProcess): Promise<OpenedTable> {
    const parts = this.world.parts(process);
    const table = await openTable(parts.store, { database: 'd', name: 't' }, parts);
    return { table, committer: new Committer(table) };
  }

  /** Waits as long as actors do: mostly about the pause, now and then for hours. */
  async pause(process: SimProcess, factor = 1): Promise<void> {
    const isLong = this.#pauses.next() < longPauseShare;
    const range = { min: Math.max(1, this.settings.pauseMs / 10), max: this.settings.pauseMs * 2 };
    await process.clock.sleep(logUniform(this.#pauses.next(), isLong ? longPauseMs : range) * factor);
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
