/** Commits of a writer, with and without a merge of manifests, and compactions. */
import { deepStrictEqual } from 'node:assert/strict';
import { Committer } from '../../src/table/commit/commit.ts';
import { type CompactOptions, compactTable } from '../../src/table/compact/compact-table.ts';
import {
  accountedCounters,
  cleanedUp,
  type Draft,
  makeTable,
  openLakeTable,
  rowsNamed,
  rowsOf,
  wholeTable,
  writeRows,
  writeRowsOnce,
} from './lake-table.ts';
import type { Scenario } from './scenario.ts';
import { type LakeProcess, newWorld, type World } from './world.ts';

async function tableWith(commits: number, draft: Draft): Promise<World> {
  const world = newWorld();
  await makeTable(world, draft);
  for (let commit = 0; commit < commits; commit += 1) {
    await writeRows(world, rowsNamed(`old${commit}-`, commit * 3, commit * 3 + 8));
    world.clock.advance(1_000);
  }
  return world;
}

function commitScenario(operation: string, commits: number, draft: Draft): Scenario {
  const rows = rowsNamed('new', 5, 25);
  return {
    operation,
    prepare: () => tableWith(commits, draft),
    async run(process) {
      await writeRows(process, rows, { commitUser: 'writer' });
      process.acknowledge('written');
    },
    async resume(process) {
      // A writer that was told it is done does not come again.
      if (!process.world.acknowledged.has('written')) await writeRowsOnce(process, rows, { commitUser: 'writer' });
    },
    whole: wholeTable,
    async check(world) {
      const contents = await rowsOf(world);
      await cleanedUp(world);
      return contents;
    },
    diesTwice: true,
  };
}

type CompactionSettings = {
  readonly draft: Draft;
  readonly compaction: CompactOptions;
  /** What comes of it when it is done a second time. */
  readonly again?: 'nothing-to-do' | 'committed';
};

function compactionScenario(operation: string, settings: CompactionSettings): Scenario {
  const { draft, compaction, again = 'nothing-to-do' } = settings;
  const compact = async (process: Pick<LakeProcess, 'store' | 'clock' | 'random'>): Promise<void> => {
    const table = await openLakeTable(process);
    await using committer = new Committer(table);
    await compactTable(table, committer, compaction);
  };
  return {
    operation,
    prepare: async () => {
      const world = await tableWith(4, draft);
      if (draft.keepsRows !== true) await writeRows(world, rowsNamed('gone', 2, 6), { kind: 3 });
      return world;
    },
    run: compact,
    resume: compact,
    whole: wholeTable,
    async check(world) {
      const table = await openLakeTable(world);
      await using committer = new Committer(table);
      const receipt = await compactTable(table, committer, compaction);
      deepStrictEqual([receipt.status, receipt.leftCount], [again, 0], 'it is compacted');
      deepStrictEqual(await accountedCounters(world), undefined);
      const contents = [await rowsOf(world)];
      await writeRows(world, rowsNamed('later', 0, 30));
      contents.push(await rowsOf(world));
      await cleanedUp(world);
      return contents;
    },
    diesTwice: true,
  };
}

export const commitScenarios: readonly Scenario[] = [
  commitScenario('commit', 2, {}),
  commitScenario('commit of rows that are kept', 2, { keepsRows: true }),
  commitScenario('commit that merges manifests', 5, { options: { 'manifest.merge-min-count': '2' } }),
  commitScenario('first commit', 0, {}),
];

export const compactionScenarios: readonly Scenario[] = [
  compactionScenario('compaction', {
    draft: { options: { 'num-sorted-run.compaction-trigger': '2' } },
    compaction: { isFull: false },
  }),
  compactionScenario('full compaction', { draft: {}, compaction: { isFull: true } }),
  compactionScenario('compaction of an append table', {
    draft: { keepsRows: true, options: { 'compaction.min.file-num': '2' } },
    compaction: { isFull: true },
  }),
  compactionScenario('sorting of an append table', {
    draft: { keepsRows: true, options: { bucket: '-1' } },
    compaction: { isFull: true, order: { strategy: 'zorder', columns: ['k', 'v'] }, sortBufferBytesMax: 500 },
    again: 'committed',
  }),
];
