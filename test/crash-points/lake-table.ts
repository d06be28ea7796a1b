/** The table `d.t` of the scenarios: how it is made, written and read, and what must always be true of it. */
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { createTable } from '../../src/catalog/catalog.ts';
import { parseIdentifier } from '../../src/catalog/identifier.ts';
import type { TableDefinition } from '../../src/catalog/table-definition.ts';
import { readDeadLetterList } from '../../src/flow/ingest/dead-letter-list.ts';
import { readDeadLetters } from '../../src/flow/ingest/dead-letters.ts';
import { loadState } from '../../src/flow/ingest/load-state.ts';
import type { IngestState } from '../../src/flow/ingest/state.ts';
import { takenOf } from '../../src/flow/replay/replay-dead-letters.ts';
import { readReplayFile } from '../../src/flow/replay/replay-file.ts';
import { collect } from '../../src/flow/testing.ts';
import type { Snapshot } from '../../src/format/snapshot.ts';
import type { TableSchema } from '../../src/format/table-schema.ts';
import { maintainTable } from '../../src/maintenance/maintain-table.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { readPlan } from '../../src/table/read/read-split.ts';
import { planScan } from '../../src/table/scan/plan-scan.ts';
import { latestSnapshot, listSnapshots } from '../../src/table/snapshots.ts';
import { openTable, type Table } from '../../src/table/table.ts';
import { TableWriter } from '../../src/table/write/table-writer.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import { lengthMax } from '../../src/types/data-type.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { hourMs, litterIn, missingFiles, roots, shortRetention } from '../maintenance-fixture.ts';
import type { LakeProcess, World } from './world.ts';

export const identifier: ReturnType<typeof parseIdentifier> = parseIdentifier('d.t');

type Parts = Pick<LakeProcess, 'store' | 'clock' | 'random'>;

export type Draft = {
  /** Left out, rows are merged by `k`; otherwise they are kept as they come, so one that came twice shows. */
  readonly keepsRows?: boolean;
  /** Partitions by `n`, of which the key says nothing. */
  readonly isPartitioned?: boolean;
  readonly options?: Readonly<Record<string, string>>;
};

export function definitionOf(draft: Draft = {}): TableDefinition {
  const { keepsRows = false, isPartitioned = false, options = {} } = draft;
  const isBucketed = keepsRows && options['bucket'] !== '-1';
  return {
    columns: [
      { name: 'k', type: { kind: 'bigint', nullable: false } },
      { name: 'v', type: { kind: 'varchar', length: lengthMax, nullable: true } },
      { name: 'n', type: { kind: 'int', nullable: false } },
    ],
    primaryKeys: keepsRows ? [] : ['k'],
    partitionKeys: isPartitioned ? ['n'] : [],
    options: { bucket: '2', ...(isBucketed ? { 'bucket-key': 'k' } : {}), ...shortRetention, ...options },
  };
}

export function makeTable(parts: Parts, draft: Draft = {}): Promise<TableSchema> {
  return createTable(parts, identifier, definitionOf(draft), { ifNotExists: false });
}

export function openLakeTable(parts: Parts, branch?: string): Promise<Table> {
  return openTable(parts.store, { database: 'd', name: 't', branch }, parts);
}

/** Rows of `from` to `to`, told apart by a word. */
export function rowsNamed(word: string, from: number, to: number): Scalar[][] {
  return Array.from({ length: to - from }, (_, index) => [
    BigInt(from + index),
    `${word}${from + index}`,
    from + index,
  ]);
}

export type WriteOptions = { readonly commitUser?: string; readonly kind?: number; readonly branch?: string };

/** Rows of the table's own schema, in a commit of their own. */
export async function writeRows(parts: Parts, rows: readonly Scalar[][], options: WriteOptions = {}): Promise<void> {
  const table = await openLakeTable(parts, options.branch);
  await using committer = new Committer(table);
  const writer = new TableWriter(table, committer, { commitUser: options.commitUser });
  await writer.add(
    buildBatch({ fields: table.schema.fields }, rows),
    new Int8Array(rows.length).fill(options.kind ?? 0),
  );
  await writer.commit();
}

/** What a writer does that does not know whether its commit came about: it looks, then writes. */
export async function writeRowsOnce(
  parts: Parts,
  rows: readonly Scalar[][],
  options: WriteOptions & { readonly commitUser: string },
): Promise<void> {
  const snapshots = await listSnapshots(await openLakeTable(parts));
  if (!snapshots.some(snapshot => snapshot.commitUser === options.commitUser)) await writeRows(parts, rows, options);
}

/** All rows of a snapshot, by their first column; those of the newest when none is named. */
export async function rowsOf(parts: Parts, snapshot?: Snapshot, branch?: string): Promise<Scalar[][]> {
  const table = await openLakeTable(parts, branch);
  return collect(readPlan(table, await planScan(table, snapshot ?? (await latestSnapshot(table)))));
}

/** The ingest state at the head; a table that never took a record has none. */
export async function stateOf(parts: Parts): Promise<IngestState | undefined> {
  const table = await openLakeTable(parts);
  const snapshot = await latestSnapshot(table);
  return snapshot === undefined ? undefined : loadState(table, snapshot.properties);
}

/** Counters whose rows in are all accounted for. */
export async function accountedCounters(parts: Parts): Promise<IngestState['counters'] | undefined> {
  const counters = (await stateOf(parts))?.counters;
  if (counters === undefined) return undefined;
  const { rowsIn, written, mergedAway, deadLettered, duplicates, gaps } = counters;
  strictEqual(rowsIn, written + mergedAway + deadLettered + duplicates, 'rows in are accounted for');
  strictEqual(gaps, 0n, 'no producer number was skipped');
  return counters;
}

/** Rows of dead letters, and those on their way back from there. */
async function lettersOf(table: Table, state: IngestState): Promise<bigint> {
  if (state.deadLetters === undefined) return 0n;
  let letters = 0n;
  for await (const { rowCount } of readDeadLetters(table, state.deadLetters)) letters += BigInt(rowCount);
  for (const replay of (await readDeadLetterList(table, state.deadLetters)).replays) {
    for await (const { header } of readReplayFile(table, replay.name)) {
      if (header.producerNumber > takenOf(replay, header.bucket, state)) letters += BigInt(header.rowCount);
    }
  }
  return letters;
}

/**
 * What a reader finds at any moment: snapshots are a chain without a hole, and each of them, each tag and each snapshot
 * of a branch can be read, with every file that it names.
 */
export async function wholeTable(world: World): Promise<void> {
  const table = await openLakeTable(world);
  const snapshots = await listSnapshots(table);
  for (const [index, snapshot] of snapshots.entries()) {
    const before = snapshots[index - 1];
    if (before !== undefined) {
      strictEqual(snapshot.id, before.id + 1, 'snapshots are a chain');
      strictEqual(
        snapshot.properties['tidelake.parent'],
        before.deltaManifestList,
        'a snapshot links to the one below',
      );
    }
    const state = await loadState(table, snapshot.properties);
    if (state === undefined) continue;
    const { deadLettered, replayed } = state.counters;
    strictEqual(await lettersOf(table, state), deadLettered - replayed, 'dead letters are as many as the counters say');
  }
  for (const { snapshot } of await roots(world.store)) await rowsOf(world, snapshot);
  deepStrictEqual(await missingFiles(world.store, table), [], 'every file that is named is there');
}

/** Two days later, when the table has gone on and was maintained, nothing is left of what died, and nothing is lost. */
export async function cleanedUp(world: World, branches: readonly string[] = []): Promise<void> {
  world.clock.advance(48 * hourMs);
  for (const branch of branches) await writeRows(world, rowsNamed('on', 0, 1), { branch });
  const table = await openLakeTable(world);
  const [first] = await rowsOf(world);
  // An upsert that changes nothing; in a table that keeps rows it is the one row more.
  const again = first ?? (await fillerRow(table));
  await writeRows(world, [again]);
  const before = await rowsOf(world);
  const receipt = await maintainTable(table, { orphans: 'remove' });
  deepStrictEqual(receipt.end, { status: 'done' }, 'maintenance comes to its end');
  await wholeTable(world);
  deepStrictEqual(await rowsOf(world), before, 'maintenance changes no row');
  deepStrictEqual(await litterIn(world.store, table), [], 'no litter is left');
}

async function fillerRow(table: Table): Promise<Scalar[]> {
  return table.schema.fields.map(({ type }) => (type.kind === 'bigint' ? 0n : type.kind === 'int' ? 0 : 'filler'));
}
