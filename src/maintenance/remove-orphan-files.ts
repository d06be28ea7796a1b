/**
 * The orphan cleaner: removes what nothing names and nobody can come to name any more (DESIGN R4, spec 10.8): files of
 * writers that died or lost, and what a run of expiry left when it died.
 *
 * The order is what makes it safe beside commits, compactions and expiry: heads, references, objects, then the roots once
 * more. Anything missing while references are collected, or a root that has come or gone meanwhile, and nothing is removed
 * on what was read.
 */
import { present } from '../base/assert.ts';
import { mapBounded } from '../base/concurrency.ts';
import { isLakeError, LakeError } from '../base/errors.ts';
import type { ListedObject } from '../storage/object-store.ts';
import { baseFreshMs } from '../table/commit/limits.ts';
import type { Table } from '../table/table.ts';
import { collectReferences } from './collect-references.ts';
import { isOrphan, orphanCutoffMs, rootsEqual } from './decide-orphans.ts';
import { deletesInParallelMax, keysShownMax, readTriesMax } from './limits.ts';
import { ownLine, tooSlow } from './lines.ts';
import { done, type Removed, RemovedTally, type RunEnd, runToEnd } from './receipt.ts';
import { refusedForRemoval } from './refused-removal.ts';
import { listRoots } from './table-roots.ts';

export type OrphanOptions = {
  /** Only says what would go. */
  readonly isDryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type OrphanReceipt = RunEnd & {
  readonly label: string;
  readonly isDryRun: boolean;
  /** Objects older than this were looked at, store time; undefined: some line has no snapshot yet, so none was. */
  readonly cutoffMs: number | undefined;
  readonly listedCount: number;
  /** What was removed; in a dry run what would have been. */
  readonly removed: Removed;
  /** The first of them. */
  readonly keys: readonly string[];
};

type Found = { readonly orphans: readonly ListedObject[]; readonly listedCount: number };

/** Cleans the folder of a table, all branches included. */
export async function removeOrphanFiles(table: Table, options: OrphanOptions = {}): Promise<OrphanReceipt> {
  const tally = new RemovedTally();
  const keys: string[] = [];
  let cutoffMs: number | undefined;
  let listedCount = 0;
  const end = await runToEnd(async (): Promise<RunEnd> => {
    const refused = refusedForRemoval(table.schema);
    if (refused.length > 0) {
      const cause = `orphans of ${table.label} are not removed: ${refused.join(', ')} is not supported by Tidelake`;
      return { status: 'given-up', code: 'LAKE_UNSUPPORTED', cause };
    }
    const found = await findOrphans(table, options.signal);
    cutoffMs = found?.cutoffMs;
    listedCount = found?.listedCount ?? 0;
    await mapBounded(found?.orphans ?? [], deletesInParallelMax, async ({ key, sizeBytes }) => {
      options.signal?.throwIfAborted();
      if (options.isDryRun !== true) await table.store.delete(key);
      tally.add(sizeBytes);
      if (keys.length < keysShownMax) keys.push(key);
    });
    return done;
  });
  const { label } = table;
  return { ...end, label, isDryRun: options.isDryRun ?? false, cutoffMs, listedCount, removed: tally.removed, keys };
}

/** undefined: a line has no snapshot, so nothing can be told to be too old. */
async function findOrphans(
  table: Table,
  signal: AbortSignal | undefined,
): Promise<(Found & { readonly cutoffMs: number }) | undefined> {
  let cause: unknown = tooSlow(ownLine(table));
  for (let tries = 0; tries < readTriesMax; tries += 1) {
    signal?.throwIfAborted();
    const roots = await listRoots(table);
    const cutoffMs = orphanCutoffMs(roots.map(({ headLastModifiedMs }) => headLastModifiedMs));
    if (cutoffMs === undefined) return undefined;
    const { storeTimeMs: beganMs } = present(roots[0], 'the main line');
    try {
      const referenced = await collectReferences(
        table,
        roots.map(({ line }) => line),
      );
      const found = await listOrphans(table, referenced, cutoffMs);
      const after = await listRoots(table);
      // R3, and R4's second look.
      const isInTime = table.storeTimeMs() - beganMs < baseFreshMs;
      if (isInTime && rootsEqual(roots, after)) return { ...found, cutoffMs };
      if (isInTime) cause = rootsMove(table);
    } catch (error) {
      // Gone under us: something expires at this moment, or is broken. Begin again, and say so if it stays like that.
      if (!isLakeError(error, 'LAKE_FILE_MISSING')) throw error;
      cause = error;
    }
  }
  throw cause;
}

async function listOrphans(table: Table, referenced: ReadonlySet<string>, cutoffMs: number): Promise<Found> {
  const folder = `${table.path}/`;
  const orphans: ListedObject[] = [];
  let listedCount = 0;
  for await (const page of table.store.list(folder)) {
    listedCount += page.objects.length;
    for (const object of page.objects) {
      const { key, lastModifiedMs } = object;
      if (isOrphan({ path: key.slice(folder.length), lastModifiedMs }, referenced, cutoffMs)) orphans.push(object);
    }
  }
  return { orphans, listedCount };
}

function rootsMove({ label }: Table): LakeError {
  const message = `tags, branches or old snapshots of ${label} keep changing; clean again when they rest`;
  return new LakeError('conflict', 'LAKE_ROOTS_MOVE', message);
}
