/** A subscription as it is asked for: by itself, under the name of a consumer, or as a member of a group. */
import { invalid } from '../../../base/errors.ts';
import type { Table } from '../../../table/table.ts';
import { type ConsumeRequest, consume } from '../consume.ts';
import type { SubscribeParts } from '../subscribe.ts';
import type { SubscribedBatch } from '../subscribed-batch.ts';
import type { MemberOptions } from './group-member.ts';
import { readAsGroup } from './read-as-group.ts';

export type FollowRequest = ConsumeRequest & { readonly group?: MemberOptions | undefined };

/** @throws LakeError what `consume` and `readAsGroup` throw; `invalid` LAKE_BAD_OPTION when both are asked for */
export function follow(
  parts: SubscribeParts,
  table: Table,
  { group, ...request }: FollowRequest,
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  if (group === undefined) return consume(parts, table, request, signal);
  if (request.consumerId !== undefined) {
    throw invalid(
      'LAKE_BAD_OPTION',
      `${table.label}: a subscription is of consumer ${request.consumerId} or of group ${group.groupId}, not of both; a group is a consumer`,
    );
  }
  return readAsGroup(parts, table, { ...request, group }, signal);
}
