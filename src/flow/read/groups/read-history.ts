/**
 * The history of a table as one member of a group reads it for all: rows of a snapshot, changes of snapshots, and where the
 * log comes next, at which the shards begin. Also the way back to the snapshots when the log has lost what follows (D6).
 */
import type { Table } from '../../../table/table.ts';
import type { SubscribeFrom } from '../history-range.ts';
import type { ResumePoint } from '../resume-point.ts';
import { type SubscribeParts, type SubscribeRequest, subscribe } from '../subscribe.ts';
import type { SubscribedBatch } from '../subscribed-batch.ts';
import type { GroupMember } from './group-member.ts';
import { historyUnit, type Lease } from './group-state.ts';

export type Membership = { readonly parts: SubscribeParts; readonly member: GroupMember };

/** Ends when the shards are to be read, or the lease is another's. @throws LakeError what `subscribe` throws; `fenced` LAKE_LEASE_LOST */
export async function* readHistory(
  { parts, member }: Membership,
  table: Table,
  { lease, ...request }: SubscribeRequest & { readonly lease: Lease },
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  const kept = member.state?.place;
  const from: SubscribeFrom = kept === undefined ? request.from : { kind: 'resume', point: kept };
  const { epoch } = lease;
  let hasGiven = false;
  for await (const batch of subscribe(parts, table, { ...request, from }, signal)) {
    if (!(await member.begin(historyUnit, lease))) {
      if (hasGiven) throw member.leaseLost([historyUnit]);
      return;
    }
    if (batch.rows.rowCount > 0) {
      hasGiven = true;
      // A watermark would be of what others have to give as well.
      const untold = { resume: undefined, watermarkMs: undefined, late: undefined };
      yield { ...batch, ...untold, lease: { shardId: undefined, epoch } };
    }
    const point = batch.resume;
    if (point === undefined) continue;
    const isEnd = endsHistory(point, kept);
    if (point.log !== undefined && !isEnd) continue;
    member.report({ kind: isEnd ? 'history-end' : 'history', unitId: historyUnit, epoch, hasGiven, point });
    hasGiven = false;
    if (!isEnd) continue;
    await member.renew();
    return;
  }
}

/** Whoever has come back from the log is told first where it stood, if that could be read on from: that is not the end of the way. */
function endsHistory({ log }: ResumePoint, kept: ResumePoint | undefined): boolean {
  return log !== undefined && log !== kept?.log;
}
