/**
 * A member of a group of readers: it renews its leases, hands in what was read, and says what it may read (RFC 0023).
 *
 * What it believes may be old; the file is what holds. It believes its leases for as long as they last from the moment at which it last
 * asked to renew them, by its own monotonic clock, and asks again before anything is given after that.
 */
import type { Clock } from '../../../base/clock.ts';
import { isLakeError, LakeError } from '../../../base/errors.ts';
import type { Random } from '../../../base/random.ts';
import type { LogShard, LogStore } from '../../../storage/log-store.ts';
import type { Table } from '../../../table/table.ts';
import {
  leaseMsOf,
  leasesOf,
  quotaOf,
  readableUnits,
  renewalMsOf,
  renewed,
  wantsShards,
  withShards,
} from './decide-leases.ts';
import { type GroupDecision, GroupFile } from './group-file.ts';
import { findPin, type GroupPin, withPin } from './group-pin.ts';
import { type GroupState, historyUnit, type Lease } from './group-state.ts';
import { type UnitReport, withReports } from './unit-reports.ts';

export type MemberParts = {
  /** undefined: there is only history. */
  readonly log: LogStore | undefined;
  readonly clock: Clock;
  readonly random: Random;
};

export type MemberOptions = {
  readonly groupId: string;
  /** How long a lease lasts in a small group. */
  readonly leaseMs?: number | undefined;
};

/** Who has fewer units than it should looks so often for free ones. */
const lookMsMax = 2_000;
/** Renewals of members that began together drift apart. */
const jitterShare = 0.2;

type HandedIn = {
  readonly reports: ReadonlyMap<string, UnitReport>;
  /** By unit. */
  readonly unkept: ReadonlyMap<string, UnitReport>;
};

/** `look`: written only if there is something to take. */
type RenewalKind = 'renew' | 'look' | 'leave';

type RenewalAsked = {
  readonly kind: RenewalKind;
  readonly pin: GroupPin | undefined;
  readonly renewal: number;
  readonly mayHaveHappened: boolean;
};

type Renewed = {
  readonly state: GroupState;
  /** That need not be handed in again. */
  readonly kept: HandedIn;
  /** Units of which changes were given that another gives again. */
  readonly lost: readonly string[];
  readonly leaseMs: number;
  readonly isRenewed: boolean;
};

export class GroupMember {
  readonly memberId: string;
  readonly #parts: MemberParts;
  readonly #table: Table;
  readonly #options: MemberOptions;
  readonly #file: GroupFile;
  /** By unit, gaps beside what was taken before them: not in the file yet. */
  readonly #reports = new Map<string, UnitReport>();
  /** By unit: the newest report that is not in the file and changes were given before. */
  readonly #unkept = new Map<string, UnitReport>();
  #busy: ReadonlySet<string> = new Set();
  /** By number of a renewal without an answer: what its first try handed in. */
  readonly #tried = new Map<number, HandedIn>();
  /** Units that are being given back, or were, as far as is known: nothing of them is given any more. */
  #leaving: ReadonlySet<string> = new Set();
  #state: GroupState | undefined;
  #renewals = 0;
  #leaseMs = 0;
  #askedMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  /** @throws LakeError `invalid` LAKE_BAD_NAME */
  constructor(parts: MemberParts, table: Table, options: MemberOptions) {
    this.memberId = parts.random.uuid();
    this.#parts = parts;
    this.#table = table;
    this.#options = options;
    this.#file = new GroupFile(table, options.groupId);
  }

  /** As of the last renewal; undefined: there was none. */
  get state(): GroupState | undefined {
    return this.#state;
  }

  /** As of the last renewal. */
  get leases(): ReadonlyMap<string, Lease> {
    return this.#state === undefined ? new Map() : leasesOf(this.#state, this.memberId);
  }

  /** Asks when its leases may be over. @throws LakeError what made a renewal fail; LAKE_LEASE_LOST */
  async check(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#parts.clock.monotonicMs() - this.#askedMs >= this.#leaseMs) await this.renew();
  }

  /**
   * Before something is given of a unit, which is then not given back until `report`.
   *
   * @returns false: it is another's
   * @throws LakeError as `check`
   */
  async begin(unitId: string, lease: Lease): Promise<boolean> {
    await this.check();
    // Whether it was given back shows when that has an answer.
    if (this.#leaving.has(unitId)) await this.renew();
    if (!this.#holds(unitId, lease)) return false;
    this.#busy = new Set([unitId]);
    return true;
  }

  /** Kept with the next renewal. */
  report(report: UnitReport): void {
    const { unitId, kind, hasGiven } = report;
    this.#busy = new Set();
    this.#reports.set(kind === 'gap' ? `gap ${unitId}` : unitId, report);
    if (hasGiven) this.#unkept.set(unitId, report);
  }

  /** @throws LakeError `fenced` LAKE_LEASE_LOST, LAKE_CONSUMER_TAKEN; `unavailable` */
  renew(): Promise<void> {
    return this.#inTurn(() => this.#renew('renew'));
  }

  /** Keeps what was reported, and gives all leases back. @throws LakeError as `renew` */
  leave(): Promise<void> {
    this.#busy = new Set();
    return this.#inTurn(() => this.#renew('leave'));
  }

  /** Renews until the signal aborts. A failure is for whoever reads: `check` throws it. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    for (;;) {
      await clock.sleep(this.#restMs(), signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#inTurn(() => this.#renew(this.#isDue() ? 'renew' : 'look'));
      } catch (error) {
        // `check` asks for itself when the leases are over.
        if (isLakeError(error) && error.kind === 'unavailable') continue;
        this.#failure ??= { error };
        return;
      }
    }
  }

  #holds(unitId: string, { epoch }: Lease): boolean {
    return this.leases.get(unitId)?.epoch === epoch;
  }

  #restMs(): number {
    const renewalMs = renewalMsOf(this.#leaseMs);
    const restMs = this.#wantsMore() ? Math.min(lookMsMax, renewalMs) : renewalMs;
    return restMs * (1 - jitterShare * this.#parts.random.next());
  }

  #isDue(): boolean {
    return this.#parts.clock.monotonicMs() - this.#askedMs >= renewalMsOf(this.#leaseMs) * (1 - jitterShare);
  }

  #wantsMore(): boolean {
    const state = this.#state;
    if (state === undefined || readableUnits(state).length === 0) return false;
    return this.leases.size < quotaOf(state, this.memberId);
  }

  #inTurn(action: () => Promise<void>): Promise<void> {
    const turn = this.#running.then(action);
    this.#running = turn.catch(() => undefined);
    return turn;
  }

  async #renew(kind: RenewalKind): Promise<void> {
    const askedMs = this.#parts.clock.monotonicMs();
    const pin = this.#state === undefined ? undefined : await findPin(this.#table, this.#state, this.memberId);
    this.#renewals += 1;
    const renewal = this.#renewals;
    const { state, kept, lost, leaseMs, isRenewed } = await this.#file.update((before, nowMs, mayHaveHappened) =>
      this.#decide(before, nowMs, { kind, pin, renewal, mayHaveHappened }),
    );
    this.#state = state;
    if (!isRenewed) return;
    this.#askedMs = askedMs;
    this.#leaseMs = leaseMs;
    this.#leaving = new Set();
    this.#tried.clear();
    forget(this.#reports, kept.reports);
    forget(this.#unkept, kept.unkept);
    if (lost.length > 0) throw this.leaseLost(lost);
  }

  /** That changes were given of units which another gives again. */
  leaseLost(unitIds: readonly string[]): LakeError {
    const names = unitIds.map(id => (id === historyUnit ? 'the history' : id)).join(', ');
    return new LakeError(
      'fenced',
      'LAKE_LEASE_LOST',
      `group ${this.#options.groupId} of ${this.#table.label}: this member did not renew in time, and ${names} went to another, ` +
        'which gives again what was taken here since the last place that was kept. Undo what can be undone, and subscribe again',
    );
  }

  async #decide(
    before: GroupState,
    nowMs: number,
    { kind, pin, renewal, mayHaveHappened }: RenewalAsked,
  ): Promise<GroupDecision<Renewed>> {
    const { memberId } = this;
    const own = before.members.get(memberId);
    const leaseMs = leaseMsOf(before.members.size + (own === undefined ? 1 : 0), this.#options.leaseMs);
    // What was handed in by a try that happened, though its answer was lost.
    const landed = own === undefined ? undefined : this.#tried.get(own.renewal);
    const mayHaveLeft = kind === 'leave' && mayHaveHappened && own === undefined;
    if (own?.renewal === renewal || mayHaveLeft) {
      const kept = landed ?? this.#tried.get(renewal) ?? this.#handIn();
      return { next: undefined, result: { state: before, kept, lost: [], leaseMs, isRenewed: true } };
    }
    const shards = await this.#shardsFor(before);
    // From here to the decision nothing waits: of what is given back by it nothing was given that is not handed in.
    const handedIn = this.#handIn();
    const { state: reported, fenced } = withReports(before, memberId, [...handedIn.reports.values()]);
    const listed = shards === undefined ? reported : withShards(reported, shards);
    const entry = kind === 'leave' ? undefined : { untilMs: nowMs + leaseMs, renewal };
    const next = renewed(withPin(listed, pin, nowMs), { memberId, nowMs, entry, busy: this.#busy });
    const isRenewed = kind !== 'look' || next.epoch !== before.epoch;
    if (!isRenewed) {
      return { next: undefined, result: { state: before, kept: handedIn, lost: [], leaseMs, isRenewed } };
    }
    if (!this.#tried.has(renewal)) this.#tried.set(renewal, handedIn);
    const held = leasesOf(next, memberId);
    // Also what an earlier try has given back, which may still happen.
    this.#leaving = new Set([...this.#leaving, ...[...this.leases.keys()].filter(id => !held.has(id))]);
    const lost = fenced.filter(id => handedIn.unkept.has(id) && handedIn.unkept.get(id) !== landed?.unkept.get(id));
    return { next, result: { state: next, kept: handedIn, lost, leaseMs, isRenewed } };
  }

  #handIn(): HandedIn {
    return { reports: new Map(this.#reports), unkept: new Map(this.#unkept) };
  }

  async #shardsFor(before: GroupState): Promise<readonly LogShard[] | undefined> {
    const { log } = this.#parts;
    const { state } = withReports(before, this.memberId, [...this.#reports.values()]);
    return log !== undefined && wantsShards(state) ? (await log.describe()).shards : undefined;
  }
}

/** What is newer stays. */
function forget(all: Map<string, UnitReport>, kept: ReadonlyMap<string, UnitReport>): void {
  for (const [name, report] of kept) {
    if (all.get(name) === report) all.delete(name);
  }
}
