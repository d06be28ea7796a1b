/**
 * A subscription that shares the shards of the log with others of its group (RFC 0023): at any time each shard is read by one of
 * them, from the place that the group has kept of it.
 */
import { invalid, LakeError } from '../../../base/errors.ts';
import type { Table } from '../../../table/table.ts';
import { changeViewOf } from '../change-view.ts';
import { checkPoint, followedLog, type SubscribeParts, type SubscribeRequest } from '../subscribe.ts';
import type { SubscribedBatch } from '../subscribed-batch.ts';
import { GroupMember, type MemberOptions } from './group-member.ts';
import { historyUnit } from './group-state.ts';
import { type Membership, readHistory } from './read-history.ts';
import { ShardReaders } from './shard-readers.ts';

/** `from` is where the group begins when it has no place yet. */
export type GroupRequest = SubscribeRequest & { readonly group: MemberOptions };

/** A member without work, or at the tips of its shards, looks at its leases so often. */
const waitMsMax = 1_000;

/**
 * Ends when the signal aborts; it then keeps its places, and gives its shards back.
 *
 * @throws LakeError what `subscribe` throws; `fenced` LAKE_LEASE_LOST, LAKE_CONSUMER_TAKEN; `invalid` LAKE_BAD_NAME, LAKE_BAD_RANGE,
 * LAKE_GROUP_TOO_LARGE
 */
export async function* readAsGroup(
  parts: SubscribeParts,
  table: Table,
  { group, ...request }: GroupRequest,
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  if (request.until !== undefined) {
    throw invalid('LAKE_BAD_RANGE', `group ${group.groupId} of ${table.label}: a group has no end; stop its members`);
  }
  if (table.id === undefined) {
    throw new LakeError(
      'unsupported',
      'LAKE_UNSUPPORTED',
      `${table.label} was made by another engine and has no id of ours, without which there are no places in it to share`,
    );
  }
  const member = new GroupMember(parts, table, group);
  const stop = new AbortController();
  const renewing = AbortSignal.any([signal, stop.signal]);
  let isFailed = false;
  let running: Promise<void> | undefined;
  try {
    await member.renew();
    running = member.run(renewing);
    yield* readUnits({ parts, member }, table, request, signal);
  } catch (error) {
    isFailed = !signal.aborted;
    if (isFailed) throw error;
  } finally {
    stop.abort();
    await running;
    // What made it fail is what the reader is to hear.
    const left = member.leave();
    await (isFailed ? left.catch(() => undefined) : left);
  }
}

async function* readUnits(
  membership: Membership,
  table: Table,
  request: SubscribeRequest,
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  const { parts, member } = membership;
  const view = changeViewOf(table, request);
  const tailParts = followedLog(parts, table, view);
  const shards =
    tailParts === undefined ? undefined : new ShardReaders(membership, tailParts, table, { ...request, view });
  for (;;) {
    signal.throwIfAborted();
    await member.check();
    const place = member.state?.place;
    if (place !== undefined) checkPoint(table, place, tailParts);
    const history = member.leases.get(historyUnit);
    if (history !== undefined) yield* readHistory(membership, table, { ...request, lease: history }, signal);
    else if (shards === undefined) await parts.clock.sleep(waitMsMax, signal);
    else {
      for (const answer of await shards.read(signal)) yield* shards.give(answer);
      if (shards.isAtTip) await shards.waitForMore(waitMsMax, signal);
    }
  }
}
