/** The shards that a member of a group reads: those that it has leases of, as it has them at the moment. */
import { mapBounded } from '../../../base/concurrency.ts';
import { isLakeError, LakeError } from '../../../base/errors.ts';
import type { Table } from '../../../table/table.ts';
import { waitForAny } from '../../wait-for-any.ts';
import type { ChangeView } from '../change-view.ts';
import type { TailParts } from '../log-tail.ts';
import type { SubscribeRequest } from '../subscribe.ts';
import type { SubscribedBatch } from '../subscribed-batch.ts';
import type { GroupMember } from './group-member.ts';
import type { Membership } from './read-history.ts';
import { openUnit, readUnit, type UnitAnswer, type UnitReader } from './unit-reader.ts';

const shardsInParallelMax = 8;

export class ShardReaders {
  readonly #parts: Membership['parts'];
  readonly #member: GroupMember;
  readonly #tailParts: TailParts;
  readonly #table: Table;
  readonly #view: ChangeView;
  readonly #onGap: SubscribeRequest['onGap'];
  readonly #readers = new Map<string, UnitReader>();
  #isAtTip = false;
  /** The log has lost what follows in one of them, and the group is to hear of it. */
  #hasGap = false;
  /** Shards that had a gap and were not read since, by where they stood. */
  readonly #gaps = new Map<string, bigint | undefined>();

  constructor(
    { parts, member }: Membership,
    tailParts: TailParts,
    table: Table,
    { view, onGap }: { readonly view: ChangeView; readonly onGap?: SubscribeRequest['onGap'] },
  ) {
    this.#parts = parts;
    this.#member = member;
    this.#tailParts = tailParts;
    this.#table = table;
    this.#view = view;
    this.#onGap = onGap;
  }

  /** Whether there was nothing more when the shards were read last, or none to be read. */
  get isAtTip(): boolean {
    return this.#isAtTip;
  }

  /** One answer of each shard. */
  async read(signal: AbortSignal): Promise<readonly UnitAnswer[]> {
    await this.#open(signal);
    const answers = await mapBounded([...this.#readers.values()], shardsInParallelMax, async reader => {
      const answer = await readUnit(this.#parts.clock, reader, signal);
      if (!(answer instanceof LakeError)) {
        this.#gaps.delete(reader.unitId);
        return [answer];
      }
      this.#lost(reader, answer);
      return [];
    });
    const read = answers.flat();
    if (this.#hasGap) await this.#member.renew();
    this.#hasGap = false;
    this.#isAtTip = read.every(({ read: { atTip } }) => atTip);
    return read;
  }

  /** Resolves when one of the shards may have more, or after `waitMsMax`. */
  async waitForMore(waitMsMax: number, signal: AbortSignal): Promise<void> {
    const places = [...this.#readers.values()].flatMap(({ tail }) => tail.next);
    await waitForAny(this.#tailParts.log, places, { clock: this.#parts.clock, waitMsMax, signal });
  }

  /** The changes of an answer, as long as its shard is this member's. @throws LakeError `fenced` LAKE_LEASE_LOST */
  async *give({ reader, read, beganMs }: UnitAnswer): AsyncGenerator<SubscribedBatch, void, undefined> {
    const { unitId, lease, tail } = reader;
    const { arrivalMs, atTip } = read;
    const seen = read.batches
      .map(batch => ({ ...this.#view.see(batch), headers: batch.headers }))
      .filter(({ rows }) => rows.rowCount > 0);
    for (const [index, { rows, kinds, headers }] of seen.entries()) {
      if (!(await this.#member.begin(unitId, lease))) {
        if (index > 0) throw this.#member.leaseLost([unitId]);
        return;
      }
      const given = { shardId: unitId, epoch: lease.epoch };
      yield { rows, kinds, phase: 'log', snapshotId: undefined, arrivalMs, resume: undefined, headers, lease: given };
    }
    const ended = tail.isEnded;
    this.#member.report({
      ...{ kind: 'shard', unitId, epoch: lease.epoch, hasGiven: seen.length > 0 },
      ...{ position: tail.positions.get(unitId), ended, tipMs: atTip ? beganMs : undefined },
    });
    if (!ended) return;
    this.#readers.delete(unitId);
    // Its children wait for that, whoever is to read them.
    await this.#member.renew();
  }

  /** A reader for each lease, and none for what is another's. */
  async #open(signal: AbortSignal): Promise<void> {
    const { leases, state } = this.#member;
    for (const [unitId, { lease }] of this.#readers) {
      if (leases.get(unitId)?.epoch !== lease.epoch) this.#readers.delete(unitId);
    }
    const wanted = [...leases].filter(([unitId]) => !this.#readers.has(unitId));
    if (wanted.length === 0 || state === undefined) return;
    const description = await this.#tailParts.log.describe({ signal });
    const parts = { clock: this.#parts.clock, tailParts: this.#tailParts };
    await mapBounded(wanted, shardsInParallelMax, async ([unitId, lease]) => {
      try {
        const reader = await openUnit(parts, this.#table, { state, unitId, lease, description }, signal);
        this.#readers.set(unitId, reader);
      } catch (error) {
        if (!isLakeError(error, 'LAKE_LOG_GAP')) throw error;
        this.#lost({ unitId, lease }, error);
      }
    });
  }

  /** The whole group goes back to the snapshots. */
  #lost({ unitId, lease }: Pick<UnitReader, 'unitId' | 'lease'>, gap: LakeError): void {
    const position = this.#member.state?.place?.log?.positions.get(unitId);
    // The way back to the snapshots has not helped: the log has lost what no table has.
    const isStuck = this.#gaps.has(unitId) && this.#gaps.get(unitId) === position;
    if (this.#onGap === 'fail' || isStuck) throw gap;
    this.#gaps.set(unitId, position);
    this.#readers.delete(unitId);
    this.#hasGap = true;
    this.#member.report({ kind: 'gap', unitId, epoch: lease.epoch, hasGiven: false });
  }
}
