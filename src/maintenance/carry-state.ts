/**
 * Carries our properties over a head that another writer has made (DESIGN S11): Java copies none of them, and the ingest
 * state must be found again after the older snapshots have expired. An empty commit does it, as every commit of ours would.
 *
 * So does one that fences the duties of a schema (A2), where whoever changed it did not come to that.
 */
import { batchCommitIdentifier, type Snapshot } from '../format/snapshot.ts';
import { Committer } from '../table/commit/commit.ts';
import { asksOtherDuties } from '../table/commit/fence-duties.ts';
import { droppedProperty, isOurs } from '../table/commit/properties.ts';
import { commitPlan, commitStop } from '../table/commit/request.ts';
import { readSnapshot } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import { newestOwn, readChain } from './chain.ts';
import { ownLine } from './lines.ts';
import { done, type RunEnd, runToEnd } from './receipt.ts';

export type CarryReceipt = RunEnd & {
  readonly label: string;
  /** The snapshot that carries them now; undefined: there was nothing to do. */
  readonly snapshotId: number | undefined;
};

export async function carryState(
  table: Table,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<CarryReceipt> {
  let snapshotId: number | undefined;
  const end = await runToEnd(async (): Promise<RunEnd> => {
    if (!(await isOwed(table))) return done;
    await using committer = new Committer(table);
    const outcome = await committer.commit({
      commitUser: table.random.uuid(),
      commitIdentifier: batchCommitIdentifier,
      signal: options.signal,
      plan: async base => {
        const { snapshot } = base;
        if (snapshot === undefined || (isOurs(snapshot.properties) && !(await asksOtherDuties(table, snapshot))))
          return commitStop('changed', 'it is carried');
        return commitPlan({ kind: 'APPEND', schemaId: base.schema.id });
      },
    });
    switch (outcome.status) {
      case 'committed':
        snapshotId = outcome.snapshot.id;
        return done;
      case 'changed':
        return done;
      case 'fenced':
        return { status: 'given-up', code: 'LAKE_TABLE_GONE', cause: `${table.label}: ${outcome.reason}` };
      case 'conflict':
        return { status: 'given-up', code: 'LAKE_COMMIT_CONFLICT', cause: `${table.label}: ${outcome.detail}` };
      case 'unknown':
        return { status: 'given-up', code: 'LAKE_COMMIT_UNKNOWN', cause: `${table.label}: ${outcome.detail}` };
    }
  });
  return { ...end, label: table.label, snapshotId };
}

/** Whether the head is another writer's and some snapshot below it is ours, or it is ours and older than the duties. */
async function isOwed(table: Table): Promise<boolean> {
  const line = ownLine(table);
  const chain = await readChain(line, 1);
  const headId = chain.ids.at(-1);
  const head: Snapshot | undefined = headId === undefined ? undefined : await readSnapshot(line, headId);
  if (head === undefined) return false;
  if (isOurs(head.properties)) return head.properties[droppedProperty] === undefined && asksOtherDuties(table, head);
  const own = await newestOwn(line, chain);
  return own !== undefined && own.properties[droppedProperty] === undefined;
}
