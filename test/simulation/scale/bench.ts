/** What the writers of a run at scale share: the world, a table of many files, and what is counted. */
import type { Clock } from '../../../src/base/clock.ts';
import { seededRandom } from '../../../src/base/random.ts';
import { countingObjectStore } from '../../../src/storage/counting-object-store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { BoundedCache } from '../../../src/table/bounded-cache.ts';
import { Committer } from '../../../src/table/commit/commit.ts';
import { type ManifestCaches, manifestCaches, manifestsOf, readSummary } from '../../../src/table/manifests.ts';
import { latestSnapshot } from '../../../src/table/snapshots.ts';
import { openTable, type Table } from '../../../src/table/table.ts';
import { fixedRequest, fixtureSchema, plannedFile, putSchema } from '../../table-fixture.ts';
import { seedOf } from '../chance.ts';
import type { SimProcess } from '../process.ts';
import { World } from '../world.ts';
import { cloudLatencyMs } from './latencies.ts';
import type { ScaleFigures, ScaleSettings } from './settings.ts';

const identifier = { database: 'd', name: 't' };
const setUpCommits = 10;
const figureDigits = 4;
const cacheBytes = 96 * 1024;
/** Of what a run of a thousand commits adds: without, what all writers know of the many files would be pushed out and read again. */
const addedSummaryBytes = 1024 * 1024;

/** What a writer would have read of the table before it began. */
type Known = readonly { readonly name: string; readonly summary: Awaited<ReturnType<typeof readSummary>> }[];

export class ScaleBench {
  readonly world: World;
  readonly settings: ScaleSettings;
  readonly #latenciesMs: number[] = [];
  readonly #requests: Record<string, number> = {};
  /** Of indexes, which the table has none of. */
  readonly #sharedCaches = manifestCaches();
  #known: Known = [];
  #startMs = 0;
  #firstId = 0;
  #lostSwaps = 0;

  constructor(settings: ScaleSettings) {
    this.settings = settings;
    this.world = new World({ seed: settings.seed, latencyMsOf: cloudLatencyMs, storeTickMs: 1_000 });
  }

  /** Of what is beside time: the table's making, a log in memory. */
  get clock(): Clock {
    const { scheduler } = this.world;
    return { nowMs: () => scheduler.nowMs, monotonicMs: () => scheduler.nowMs, sleep: async () => {} };
  }

  /** Makes the table, its files in ten commits, after a compaction: its manifests only. */
  async setUp(): Promise<void> {
    const { files, buckets, seed } = this.settings;
    const raw = this.world.rawStore();
    await putSchema(raw, fixtureSchema({ options: { bucket: String(buckets) } }));
    const table = await openTable(raw, identifier, { clock: this.clock, random: seededRandom(seedOf(seed, 'set up')) });
    await using committer = new Committer(table);
    const perCommit = Math.ceil(files / setUpCommits);
    for (let index = 0; index < setUpCommits; index += 1) {
      const adds = Array.from({ length: perCommit }, (_, i) => {
        const n = index * perCommit + i;
        return plannedFile(table, { name: `data-${n}`, bucket: n % buckets, sequence: [n, n], rows: 1 });
      });
      await committer.commit(fixedRequest(table, { adds }));
    }
    await committer.commit(fixedRequest(table, { kind: 'COMPACT' }));
    const head = await latestSnapshot(table);
    if (head === undefined) throw new Error('the table has files');
    const metas = await manifestsOf(table, head);
    this.#known = await Promise.all(
      metas.map(async meta => ({ name: meta.fileName, summary: await readSummary(table, meta) })),
    );
    this.#firstId = head.id;
    this.#startMs = this.world.scheduler.nowMs;
  }

  /** The table as a writer has it that has been at work for a while; what it asks for is counted. */
  open(process: SimProcess): Promise<Table> {
    const parts = this.world.parts(process);
    return openTable(this.counted(process), identifier, { ...parts, caches: this.#warmCaches() });
  }

  counted(process: SimProcess): ObjectStore {
    return countingObjectStore(this.world.store(process), operation => {
      this.#requests[operation] = (this.#requests[operation] ?? 0) + 1;
    });
  }

  /** Small ones: there are a thousand of them in one process here. What a base needs fits. */
  #warmCaches(): ManifestCaches {
    const knownBytes = this.#known.reduce((sum, { summary }) => sum + summary.bytes, 0);
    const caches: ManifestCaches = {
      ...this.#sharedCaches,
      lists: new BoundedCache(cacheBytes),
      entries: new BoundedCache(cacheBytes),
      summaries: new BoundedCache(knownBytes + addedSummaryBytes),
    };
    for (const { name, summary } of this.#known) caches.summaries.put(name, summary, summary.bytes);
    return caches;
  }

  committed(tookMs: number): void {
    this.#latenciesMs.push(tookMs);
  }

  lost(swaps: number): void {
    this.#lostSwaps += swaps;
  }

  async figures(): Promise<ScaleFigures> {
    const raw = await openTable(this.world.rawStore(), identifier, { clock: this.clock, random: seededRandom(1) });
    const snapshots = ((await latestSnapshot(raw))?.id ?? 0) - this.#firstId;
    const commits = this.#latenciesMs.length;
    const seconds = (this.world.scheduler.nowMs - this.#startMs) / 1_000;
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    const each = (count: number): number => rounded(count / commits);
    return {
      latencyMs: { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) },
      commits,
      snapshots,
      lostSwapsPerCommit: each(this.#lostSwaps),
      commitsPerSecond: rounded(commits / seconds),
      snapshotsPerSecond: rounded(snapshots / seconds),
      requestsPerCommit: Object.fromEntries(Object.entries(this.#requests).map(([kind, count]) => [kind, each(count)])),
      seconds,
    };
  }
}

function rounded(value: number): number {
  return Number(value.toPrecision(figureDigits));
}
