/**
 * Makes a schema's duties count for everybody (DESIGN A2): an empty commit that carries its id. Writers that know an older
 * schema meet it at their next swap, and write again under the newer one (S2 g).
 */
import { unreachable } from '../../base/assert.ts';
import { LakeError } from '../../base/errors.ts';
import { batchCommitIdentifier, type Snapshot } from '../../format/snapshot.ts';
import type { Table } from '../table.ts';
import { Committer } from './commit.ts';
import { dutiesDiffer } from './duties.ts';
import { commitPlan, commitStop } from './request.ts';

/**
 * @param table with the schema whose duties are to count
 * @throws LakeError `conflict` LAKE_COMMIT_CONFLICT, `unavailable` LAKE_COMMIT_UNKNOWN: the schema is there, and counts for
 * whoever opens the table; maintenance fences later
 */
export async function fenceDuties(table: Table): Promise<void> {
  await using committer = new Committer(table);
  const outcome = await committer.commit({
    commitUser: table.random.uuid(),
    commitIdentifier: batchCommitIdentifier,
    plan: async ({ snapshot }) => {
      // Without a snapshot nothing tells which schema those go by who are about to make the first.
      if (snapshot !== undefined && !(await asksOtherDuties(table, snapshot)))
        return commitStop('changed', 'they count');
      return commitPlan({ kind: 'APPEND', schemaId: table.schema.id });
    },
  });
  switch (outcome.status) {
    case 'committed':
    case 'changed':
    // Gone, and its writers with it.
    case 'fenced':
      return;
    case 'conflict':
      throw new LakeError('conflict', 'LAKE_COMMIT_CONFLICT', unfenced(table, outcome.detail));
    case 'unknown':
      throw new LakeError('unavailable', 'LAKE_COMMIT_UNKNOWN', unfenced(table, outcome.detail));
    default:
      unreachable(outcome);
  }
}

/** Whether the table's schema is newer than a snapshot's and asks other duties of writers. */
export async function asksOtherDuties(table: Table, { schemaId }: Snapshot): Promise<boolean> {
  if (table.schema.id <= schemaId) return false;
  return dutiesDiffer(await table.schemas.get(schemaId), table.schema);
}

function unfenced({ label, schema }: Table, detail: string): string {
  return (
    `${label}: schema ${schema.id} is there, but writers that run already may not know of it yet (${detail}); ` +
    'maintenance sees to that, and so does the next commit of whoever opens the table'
  );
}
