/** What a user asks of a subscription, in plain values, as the house inside takes it. */
import { invalid } from '../base/errors.ts';
import type { ChangelogMode, Consistency } from '../flow/read/change-view.ts';
import type { FollowRequest } from '../flow/read/groups/follow.ts';
import type { NamedSnapshot, SubscribeFrom, SubscribeUntil } from '../flow/read/history-range.ts';
import { decodeResumePoint } from '../flow/read/resume-point.ts';
import type { SubscribeRequest as FlowRequest } from '../flow/read/subscribe.ts';
import type { Table } from '../table/table.ts';
import { millisOf } from './read-point.ts';
import { parseWhere } from './where.ts';

/**
 * Where a subscription begins.
 * - `full`: every row there is, then changes; `latest`: changes from now on; `earliest`: all changes that are kept.
 * - `snapshot`, `tag`: changes after it; with `full` every row as of it comes first.
 * - `timestamp`: changes of that time and later; a change has the time of its snapshot, and a text without a zone is UTC.
 * - `resume`: changes behind a place that another subscription has told, also one over HTTP (RFC 0014).
 */
export type SubscriptionStart =
  | 'full'
  | 'latest'
  | 'earliest'
  | { readonly snapshot: number; readonly full?: boolean | undefined }
  | { readonly tag: string; readonly full?: boolean | undefined }
  | { readonly timestamp: Date | string }
  | { readonly resume: string };

/**
 * Where it ends: with what there is `now`, in the log as well; with the changes of a snapshot; with the changes before a time
 * that has passed.
 */
export type SubscriptionEnd =
  | 'now'
  | { readonly snapshot: number }
  | { readonly tag: string }
  | { readonly timestamp: Date | string };

/** What is seen of the changes. */
export type SubscriptionView = {
  readonly columns?: readonly string[] | undefined;
  /**
   * Comparisons of columns with constants, put together by AND, OR and NOT. A row that no longer passes comes as `-D`; where
   * changes do not tell what a row was, each row that does not pass comes so.
   */
  readonly where?: string | undefined;
  /**
   * `all`: updates as `-U` and `+U`; `upsert`: what became of rows only; `auto`: as the table has it. Of the option
   * `log.changelog-mode` unless given.
   */
  readonly changelogMode?: ChangelogMode | undefined;
  /**
   * `eventual`: changes as soon as the log has them; `transactional`: once they are committed. Of the option `log.consistency`
   * unless given, and without that `eventual`.
   */
  readonly consistency?: Consistency | undefined;
};

export type SubscriptionRange = {
  readonly from: SubscriptionStart;
  /** It goes on unless given. */
  readonly until?: SubscriptionEnd | undefined;
};

/** @throws LakeError `invalid` LAKE_BAD_FILTER, LAKE_UNKNOWN_COLUMN, LAKE_BAD_RESUME, LAKE_BAD_READ_POINT */
export function flowRequest(table: Table, request: SubscriptionRange & SubscriptionView): FlowRequest {
  const { from, until, columns, where, changelogMode, consistency } = request;
  const { fields } = table.schema;
  const unknown = (columns ?? []).filter(name => !fields.some(field => field.name === name));
  if (unknown.length > 0) {
    const known = fields.map(({ name }) => name).join(', ');
    throw invalid('LAKE_UNKNOWN_COLUMN', `table ${table.label} has no column ${unknown.join(', ')}; it has ${known}`);
  }
  const filter = where === undefined ? undefined : parseWhere(where, { fields });
  if (filter?.kind === 'sql') {
    throw invalid(
      'LAKE_BAD_FILTER',
      `filter ${JSON.stringify(filter.text)}: changes are filtered by comparisons of columns with constants, AND, OR and NOT only`,
    );
  }
  const end = until === undefined ? undefined : endOf(until);
  return { from: startOf(from), until: end, columns, predicate: filter?.predicate, changelogMode, consistency };
}

function startOf(from: SubscriptionStart): SubscribeFrom {
  if (typeof from === 'string') return { kind: from };
  if ('resume' in from) return { kind: 'resume', point: decodeResumePoint(from.resume) };
  if ('timestamp' in from) return { kind: 'timestamp', timestampMs: millisOf(from.timestamp) };
  return { kind: from.full === true ? 'full-of' : 'after', of: namedOf(from) };
}

function endOf(until: SubscriptionEnd): SubscribeUntil {
  if (until === 'now') return { kind: 'now' };
  if ('timestamp' in until) return { kind: 'timestamp', timestampMs: millisOf(until.timestamp) };
  return { kind: 'snapshot', of: namedOf(until) };
}

function namedOf(point: { readonly snapshot: number } | { readonly tag: string }): NamedSnapshot {
  return 'tag' in point ? { tag: point.tag } : { snapshotId: point.snapshot };
}

/** Who remembers what was taken: nobody, unless one of these is given. */
export type SubscriptionReader = {
  /**
   * The table remembers under this name, Paimon's `consumer-id`, what has been taken: the next subscription under it goes on
   * there whatever `from` says, and what it needs does not expire. What was taken in the ten seconds before a crash comes again;
   * end by the signal to have all of it remembered. Of two readers the one that came first is ended: LAKE_CONSUMER_TAKEN.
   */
  readonly consumer?: string | undefined;
  /**
   * The same for any number of readers, which share the shards of the log: each shard is read by one of them at a time, under a
   * lease. `from` is where the group begins. No `until`, and no places of single readers (docs/STREAMS.md).
   */
  readonly group?: string | undefined;
  /** How long a lease of the group lasts that is not renewed, at least; 30,000 unless given, and 1,000 at least. */
  readonly leaseMs?: number | undefined;
};

const leaseMsMin = 1_000;

/** @throws LakeError `invalid` LAKE_BAD_OPTION */
export function readerOf({
  consumer,
  group,
  leaseMs,
}: SubscriptionReader): Pick<FollowRequest, 'consumerId' | 'group'> {
  if (leaseMs !== undefined && (group === undefined || !Number.isSafeInteger(leaseMs) || leaseMs < leaseMsMin)) {
    throw invalid(
      'LAKE_BAD_OPTION',
      `a lease of ${leaseMs} ms: leases are of groups, whole milliseconds, ${leaseMsMin} at least`,
    );
  }
  return { consumerId: consumer, group: group === undefined ? undefined : { groupId: group, leaseMs } };
}
