/**
 * Commit: how a table moves from one snapshot to the next, with many writers, no lock and no server.
 *
 * A commit is one conditional PUT of `snapshot/snapshot-(N+1)`: of all who try, the store lets one win. Around it:
 *
 * 1. **Base** (look-up.ts, decide-base.ts; S1, S9–S11). Which snapshot we build on. A committer that has just won knows it
 *    without asking, for as long as the store's clock says that it is fresh.
 * 2. **Plan** (request.ts). The caller's function says what comes and goes, anew on every base.
 * 3. **Guards** (base.ts gathers facts, decide-guards.ts decides; S2, S3, S6, S7). A plan that does not fit the base is
 *    made again (numbers, ages, schema) or given up (`conflict`). So nobody commits what another has made untrue.
 * 4. **Metadata** (write-metadata.ts; spec 4). Manifests and lists, in parallel, beside data files of the plan that are still on
 *    their way. Invisible until 5.
 * 5. **Swap** (swap.ts, decide-settle.ts; S4, S5). Won, lost, or found out: an answer that is lost or late is settled by
 *    looking at the chain of parent links, never guessed. Lost: wait (contention.ts) and begin at 1.
 *
 * Warm and unopposed that is two round trips and four PUTs, none of them depending on how many files the table has.
 *
 * The deciders are pure and synchronous: a model checker can drive them without this driver. What this does not do: write
 * data files, remove anything, or decide what to compact.
 */
import { unreachable } from '../../base/assert.ts';
import { Semaphore } from '../../base/concurrency.ts';
import { isLakeError } from '../../base/errors.ts';
import { snapshotPath } from '../../format/paths.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { ObservedStore, type RequestCounts } from '../observed-store.ts';
import type { Table } from '../table.ts';
import { TableBase } from './base.ts';
import { Contention } from './contention.ts';
import { baseIsStale } from './decide-base.ts';
import { decideGuards } from './decide-guards.ts';
import { buildSnapshot } from './decide-snapshot.ts';
import { HintWriter } from './hints.ts';
import {
  baseAskAfterMs,
  baseLookAgainMs,
  commitAttemptsMax,
  commitAttemptsMin,
  commitElapsedMsMax,
  lookupTriesMax,
  planRoundsMax,
} from './limits.ts';
import { followBase, type LookupResult, lookUpBase } from './look-up.ts';
import { carriedProperties } from './properties.ts';
import type {
  CommitBase,
  CommitFigures,
  CommitOutcome,
  CommitPlan,
  CommitRequest,
  CommitRequests,
  PlanAgain,
} from './request.ts';
import { swap } from './swap.ts';
import { MetadataWriter, type WrittenMetadata } from './write-metadata.ts';

/** An outcome before its figures are known. */
type End = CommitOutcome extends infer O ? (O extends CommitOutcome ? Omit<O, keyof CommitFigures> : never) : never;
/** undefined: begin again at the newest base. */
type AttemptResult = End | undefined;

/** What the attempts of one commit share. */
type CommitRun = {
  readonly metadata: MetadataWriter;
  /** Bases that had expired when they were read. */
  expiredCount: number;
};

/** A plan, or why there is none, and the base it is for. */
type Planned =
  | { readonly kind: 'planned'; readonly base: TableBase; readonly plan: CommitPlan | End }
  | Extract<LookupResult, { kind: 'fenced' }>;

/** What one attempt has put together when it swaps. */
type Attempt = {
  readonly base: TableBase;
  readonly plan: CommitPlan;
  readonly written: WrittenMetadata;
  /** The newest store time before the swap. */
  readonly storeTimeMs: number;
  readonly startedAtMs: number;
};

/** One commit by a committer of its own. Whoever commits more than once keeps a `Committer`. */
export async function commit(table: Table, request: CommitRequest): Promise<CommitOutcome> {
  await using committer = new Committer(table);
  return await committer.commit(request);
}

/**
 * Commits to one table, one at a time, and remembers the base it left. Keep one per table and process as long as you
 * write; several callers may share it. Exceptions mean that nothing was committed; all else is in the outcome.
 */
export class Committer implements AsyncDisposable {
  readonly #table: Table;
  readonly #store: ObservedStore;
  readonly #hints: HintWriter;
  readonly #contention = new Contention();
  readonly #turn = new Semaphore(1);
  #lostSwaps = 0;
  #base: TableBase | undefined;
  /** When it was last seen that nothing follows the base. */
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** Whether `#base` may only serve as what we knew: the next attempt looks for the head. */
  #mustLook = true;
  /** Whether it was seen that a snapshot follows `#base`, so that asking for the next numbers finds something. */
  #isFollowed = false;

  constructor(table: Table) {
    const store = new ObservedStore(table.store);
    this.#store = store;
    this.#table = { ...table, store, storeTimeMs: () => store.lastStoreTimeMs ?? table.storeTimeMs() };
    this.#hints = new HintWriter({ store: table.store, clock: table.clock, metaPath: table.metaPath });
  }

  /**
   * @throws LakeError of the store, or the signal's reason: nothing was committed
   * @throws AssertionError when the plan breaks its own contract
   */
  commit(request: CommitRequest): Promise<CommitOutcome> {
    return this.#turn.use(() => this.#commit(request));
  }

  /** Swaps that another's won, over all commits so far. */
  get lostSwaps(): number {
    return this.#lostSwaps;
  }

  /**
   * The base the next commit will most likely have: for a writer that numbers its rows before it commits.
   *
   * @param options `isFresh`: the head is looked for, whatever we remember
   */
  base(
    options: { readonly isFresh: boolean } = { isFresh: false },
  ): Promise<{ readonly kind: 'base'; readonly base: CommitBase } | Extract<LookupResult, { kind: 'fenced' }>> {
    return this.#turn.use(() => {
      if (options.isFresh) this.#mustLook = true;
      return this.#currentBase();
    });
  }

  /** Whether a snapshot follows the newest that we know; true when we know none. One HEAD, where a look-up takes a LIST. */
  hasNewer(): Promise<boolean> {
    return this.#turn.use(async () => this.#base === undefined || (await this.#askFollowed(this.#base)));
  }

  /** Waits for a hint that is being written. The committer can be used on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hints[Symbol.asyncDispose]();
  }

  async #commit(request: CommitRequest): Promise<CommitOutcome> {
    const { clock, random } = this.#table;
    const before = this.#store.counts;
    const run: CommitRun = { metadata: new MetadataWriter(this.#table), expiredCount: 0 };
    const startedAtMs = clock.monotonicMs();
    let end: AttemptResult;
    let attempts = 0;
    while (end === undefined) {
      const isOverdue = clock.monotonicMs() - startedAtMs > commitElapsedMsMax && attempts >= commitAttemptsMin;
      if (attempts >= commitAttemptsMax || isOverdue) {
        end = { status: 'conflict', rule: 'S4', detail: `no swap was won in ${attempts} attempts` };
        break;
      }
      request.signal?.throwIfAborted();
      const waitMs = this.#contention.waitMs(random);
      if (waitMs > 0) await clock.sleep(waitMs, request.signal);
      attempts += 1;
      end = await this.#attempt(request, run);
    }
    return { ...end, attempts, requests: requestsBetween(before, this.#store.counts, run.metadata.mergeCounts) };
  }

  async #attempt(request: CommitRequest, run: CommitRun): Promise<AttemptResult> {
    const startedAtMs = this.#table.clock.monotonicMs();
    try {
      const held = this.#freshBase();
      const found = await this.#currentBase();
      if (found.kind === 'fenced') return { status: 'fenced', reason: found.reason };
      const wasHeld = found.base === held;
      const planned = await this.#planOn(found.base, request, { firstOnly: wasHeld });
      if (planned.kind === 'fenced') return { status: 'fenced', reason: planned.reason };
      const { base, plan } = planned;
      // A base without a LIST can show that a plan fits, since the swap proves it newest; not that it does not fit.
      if (plan.status !== 'plan' && !found.isListed) return this.#lookAgain();
      if (plan.status !== 'plan') return plan;
      const written = await this.#write(request, run, { base, plan });
      // S1: what the store has answered meanwhile says how old the base is.
      const storeTimeMs = Math.max(base.storeTimeMs, this.#table.storeTimeMs());
      if (baseIsStale(base.storeTimeMs, storeTimeMs)) return this.#lookAgain();
      return await this.#swap(request, { base, plan, written, storeTimeMs, startedAtMs });
    } catch (error) {
      if (!isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED') || run.expiredCount >= lookupTriesMax) throw error;
      // The base has expired under the plan: there is a newer one.
      run.expiredCount += 1;
      return this.#lookAgain();
    }
  }

  /**
   * Among rivals a base has often been overtaken by the time its plan is made, and a swap that is lost costs four PUTs. So the
   * next number is asked for before anything is written; a snapshot that is there is the base instead, a short step from here.
   */
  async #planOn(base: TableBase, request: CommitRequest, options: { readonly firstOnly: boolean }): Promise<Planned> {
    const plan = await planOn(base, request, options);
    if (plan.status !== 'plan' || !this.#contention.isContended) return { kind: 'planned', base, plan };
    const next = await followBase(this.#table, base);
    if (next === undefined) return { kind: 'planned', base, plan };
    if (next.kind === 'fenced') return next;
    this.#base = next.base;
    return { kind: 'planned', base: next.base, plan: await planOn(next.base, request, { firstOnly: false }) };
  }

  /** Everything that the swap makes visible; what of it fails is told when all has ended. */
  async #write(
    request: CommitRequest,
    run: CommitRun,
    { base, plan }: Pick<Attempt, 'base' | 'plan'>,
  ): Promise<WrittenMetadata> {
    try {
      return await base.reading(() => run.metadata.write(base, plan));
    } finally {
      await request.uploaded?.();
    }
  }

  async #swap(request: CommitRequest, attempt: Attempt): Promise<AttemptResult> {
    const { base, plan, written, storeTimeMs, startedAtMs } = attempt;
    const { store, clock, random, metaPath, label, id: tableId } = this.#table;
    const { commitUser, commitIdentifier, signal } = request;
    const snapshot = buildSnapshot({
      ...written,
      parent: base.snapshot,
      properties: base.properties,
      tableId,
      plan,
      commitUser,
      commitIdentifier,
      storeTimeMs,
    });
    const { storeTimeMs: baseStoreTimeMs } = base;
    const result = await swap({ store, clock, random, metaPath, label, snapshot, baseStoreTimeMs, signal });
    const tookMs = clock.monotonicMs() - startedAtMs;
    switch (result.status) {
      case 'committed':
        this.#contention.won(tookMs);
        this.#mustLook = !result.prompt || !this.#holdAsBase(attempt, snapshot);
        if (result.prompt) this.#hints.afterWin(snapshot.id);
        return { status: 'committed', snapshot };
      case 'lost':
      case 'void':
        this.#isFollowed = result.status === 'lost';
        this.#contention.lost(tookMs);
        this.#lostSwaps += 1;
        return this.#lookAgain();
      case 'unknown': {
        this.#mustLook = true;
        const identity = snapshot.deltaManifestList;
        return { status: 'unknown', snapshotId: snapshot.id, identity, detail: result.detail };
      }
      default:
        return unreachable(result);
    }
  }

  /**
   * Our own snapshot as the next base (S1). Its time is that of the last answer before the swap: nothing above it can
   * have been there then.
   */
  #holdAsBase({ base, plan, written, storeTimeMs }: Attempt, snapshot: Snapshot): boolean {
    if (plan.emptied || snapshot.schemaId > base.schema.id) return false;
    this.#base = new TableBase(this.#table, {
      snapshot,
      schema: base.schema,
      properties: carriedProperties(snapshot.properties),
      storeTimeMs,
      seenAtMs: this.#table.clock.monotonicMs(),
      manifests: written.manifests,
    });
    return true;
  }

  async #currentBase(): Promise<LookupResult> {
    const held = this.#freshBase();
    if (held !== undefined && !(await this.#isOvertaken(held))) return { kind: 'base', base: held, isListed: false };
    // Among many rivals more have won meanwhile than are worth asking for one by one.
    const askedAtMs = this.#table.clock.monotonicMs();
    const byList = !this.#isFollowed || this.#contention.isCrowded;
    const found = await lookUpBase(this.#table, this.#base, { byList });
    this.#isFollowed = false;
    if (found.kind === 'base') {
      this.#base = found.base;
      this.#askedAtMs = askedAtMs;
      this.#mustLook = false;
    }
    return found;
  }

  /**
   * The base that is remembered, unless it must be looked for. Its age is that by our own clock, which only spares a wasted
   * attempt: the rule itself is checked before the swap.
   */
  #freshBase(): TableBase | undefined {
    if (this.#base === undefined || this.#mustLook || this.#contention.isContended) return undefined;
    const ageMs = this.#table.clock.monotonicMs() - this.#base.seenAtMs;
    return ageMs < baseLookAgainMs ? this.#base : undefined;
  }

  /** Whether somebody has committed on a base that was remembered for some time. */
  async #isOvertaken(base: TableBase): Promise<boolean> {
    const nowMs = this.#table.clock.monotonicMs();
    if (nowMs - Math.max(base.seenAtMs, this.#askedAtMs) < baseAskAfterMs) return false;
    const isFollowed = await this.#askFollowed(base);
    if (!isFollowed) this.#askedAtMs = nowMs;
    return isFollowed;
  }

  async #askFollowed(base: TableBase): Promise<boolean> {
    const { store, metaPath } = this.#table;
    this.#isFollowed = (await store.head(`${metaPath}/${snapshotPath(base.id + 1)}`)) !== undefined;
    return this.#isFollowed;
  }

  #lookAgain(): undefined {
    this.#mustLook = true;
  }
}

/**
 * The plan for this base, made again until the guards let it pass.
 *
 * @param options `firstOnly`: the base is remembered, and what does not pass at once is not worth writing again on it
 */
async function planOn(
  base: TableBase,
  request: CommitRequest,
  options: { readonly firstOnly: boolean },
): Promise<CommitPlan | End> {
  let again: PlanAgain | undefined;
  for (let round = 1; ; round += 1) {
    const plan = await request.plan(base, again);
    if (plan.status === 'stop') {
      const { outcome, detail } = plan;
      if (outcome === 'changed') return { status: 'changed', detail, base: base.snapshot };
      return { status: 'conflict', rule: 'plan', detail };
    }
    const verdict = decideGuards(plan, await base.factsFor(plan));
    if (verdict.kind === 'pass') return plan;
    if (verdict.kind === 'conflict') return { status: 'conflict', rule: verdict.rule, detail: verdict.detail };
    again = verdict.again;
    if (options.firstOnly || round === planRoundsMax) {
      return { status: 'conflict', rule: verdict.rule, detail: again.detail };
    }
  }
}

function requestsBetween(
  before: RequestCounts,
  after: RequestCounts,
  merge: { readonly get: number; readonly put: number },
): CommitRequests {
  return {
    put: after.put - before.put - merge.put,
    putIfAbsent: after.putIfAbsent - before.putIfAbsent,
    get: after.get - before.get - merge.get,
    list: after.list - before.list,
    merge: merge.get + merge.put,
  };
}
