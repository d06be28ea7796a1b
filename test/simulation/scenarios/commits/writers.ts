/** Those who commit: writers of changes, compactors, and those who empty a bucket. */
import { isLakeError } from '../../../../src/base/errors.ts';
import type { DataFileMeta } from '../../../../src/format/data-file.ts';
import { Committer } from '../../../../src/table/commit/commit.ts';
import {
  type CommitOutcome,
  type CommitPlan,
  type CommitRequest,
  type CommitStop,
  commitPlan,
  commitStop,
  type PlannedFile,
} from '../../../../src/table/commit/request.ts';
import { identifierKey, type PlacedFile } from '../../../../src/table/live-files.ts';
import { whileSnapshotStays } from '../../../../src/table/manifests.ts';
import { openTable, type Table } from '../../../../src/table/table.ts';
import { changeUser, contentOf, overwriteUser } from '../../chain-model.ts';
import { foreignStore } from '../../foreign-store.ts';
import type { SimProcess } from '../../process.ts';
import { Violation } from '../../world.ts';
import type { CommitsBench, OpenedTable } from './bench.ts';

export function changeWriter(bench: CommitsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const opened = await bench.open(process);
    while (!bench.isStopped) {
      await bench.pause(process);
      await writeChange(bench, process, opened);
    }
  });
}

/** Another engine, as careful as we are. */
export function foreignWriter(bench: CommitsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const store = foreignStore(bench.world.store(process));
    const table = await openTable(store, { database: 'd', name: 't' }, bench.world.parts(process));
    const opened = { table, committer: new Committer(table) };
    while (!bench.isStopped) {
      await bench.pause(process, 5);
      await writeChange(bench, process, opened);
      bench.count('foreign writes');
    }
  });
}

export async function writeChange(bench: CommitsBench, process: SimProcess, opened: OpenedTable): Promise<void> {
  const { table, committer } = opened;
  const change = bench.nextChange();
  const draft = { bucket: change % bench.settings.buckets, level: 0, content: contentOf(change) };
  let uploads = 0;
  const upload = (): Promise<PlannedFile> => {
    uploads += 1;
    return bench.upload(table, { ...draft, name: `${process.name}-${change}-${uploads}` });
  };
  let file = await upload();
  try {
    const outcome = await committer.commit({
      commitUser: changeUser,
      commitIdentifier: BigInt(change),
      plan: async (base, again) => {
        if (again?.reason === 'upload-age') file = await upload();
        file = numbered(file, (await base.sequenceFloor(file)) + 1n);
        return commitPlan({ kind: 'APPEND', schemaId: table.schema.id, adds: [file] });
      },
    });
    bench.count(`write ${outcome.status}`);
    if (outcome.status === 'committed') bench.model.committed(change, outcome.snapshot);
    else if (outcome.status !== 'unknown') bench.model.refused(change);
  } catch (error) {
    // An exception means that nothing was committed.
    bench.model.refused(change);
    throw error;
  }
}

/** The same file when its number stands: what is planned again unchanged is not written again. */
function numbered(planned: PlannedFile, sequence: bigint): PlannedFile {
  const { file } = planned;
  if (file.minSequenceNumber === sequence) return planned;
  return { ...planned, file: { ...file, minSequenceNumber: sequence, maxSequenceNumber: sequence } };
}

export function compactor(bench: CommitsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const opened = await bench.open(process);
    for (let at = bench.model.headId; !bench.isStopped; ) {
      at = await bench.untilDue(process, at, bench.settings.compactEvery);
      try {
        await compactBucket(bench, process, opened);
      } catch (error) {
        // What it was to read has expired meanwhile: given up, not corrupt (C1).
        if (!isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) throw error;
        bench.count('compact expired');
      }
    }
  });
}

export async function compactBucket(bench: CommitsBench, process: SimProcess, opened: OpenedTable): Promise<void> {
  const { table, committer } = opened;
  const found = await committer.base({ isFresh: true });
  if (found.kind === 'fenced') throw new Violation(`the table is fenced: ${found.reason}`);
  const { base } = found;
  const bucket = bench.bucket(process);
  const [place] = (await base.liveEntries({ buckets: new Set([bucket]) })).slice(0, 1);
  const { snapshot } = base;
  if (place === undefined || snapshot === undefined) return;
  const inputs = await base.liveFiles(place);
  const content = await whileSnapshotStays(table, snapshot, () => bench.contentOf(table, inputs));
  let uploads = 0;
  const upload = (): Promise<PlannedFile> => {
    uploads += 1;
    const name = `${process.name}${bench.branchName}-${snapshot.id}-${bucket}-${uploads}`;
    return bench.upload(table, { bucket, level: 5, content, name });
  };
  let output = await upload();
  const outcome = await committer.commit(
    request('compactor', 0, async (current, again) => {
      if (again?.reason === 'upload-age') output = await upload();
      const live = new Map((await current.liveFiles(place)).map(file => [identifierKey(file), file]));
      const deletes = inputs.map(input => live.get(identifierKey(input)));
      if (deletes.some(file => file === undefined)) return commitStop('conflict', 'an input is gone');
      return commitPlan({
        kind: 'COMPACT',
        schemaId: table.schema.id,
        deletes: deletes.filter(file => file !== undefined),
        adds: [{ ...output, file: { ...output.file, ...sequenceRange(inputs) } }],
      });
    }),
  );
  settle(bench, 'compact', outcome);
}

function sequenceRange(files: readonly PlacedFile[]): Pick<DataFileMeta, 'minSequenceNumber' | 'maxSequenceNumber'> {
  const of = (file: PlacedFile): bigint => file.file.maxSequenceNumber;
  const largest = files.reduce((max, file) => (of(file) > max ? of(file) : max), 0n);
  return { minSequenceNumber: 0n, maxSequenceNumber: largest };
}

export function overwriter(bench: CommitsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const { table, committer } = await bench.open(process);
    while (!bench.isStopped) {
      await bench.pause(process, 40);
      await emptyBucket(bench, process, { table, committer });
    }
  });
}

async function emptyBucket(
  bench: CommitsBench,
  process: SimProcess,
  { table, committer }: { readonly table: Table; readonly committer: Committer },
): Promise<void> {
  const bucket = bench.bucket(process);
  const outcome = await committer.commit(
    request(overwriteUser, bucket, async base => {
      const deletes = await base.liveEntries({ buckets: new Set([bucket]) });
      if (deletes.length === 0) return commitStop('conflict', 'nothing to delete');
      return commitPlan({ kind: 'OVERWRITE', schemaId: table.schema.id, deletes });
    }),
  );
  settle(bench, 'overwrite', outcome);
}

function settle(bench: CommitsBench, what: string, outcome: CommitOutcome): void {
  bench.count(`${what} ${outcome.status}`);
  if (outcome.status === 'committed') bench.model.chained(outcome.snapshot);
}

function request(
  commitUser: string,
  identifier: number,
  plan: (...args: Parameters<CommitRequest['plan']>) => Promise<CommitPlan | CommitStop>,
): CommitRequest {
  return { commitUser, commitIdentifier: BigInt(identifier), plan };
}
