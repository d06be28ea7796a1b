/**
 * Plays a history twice and compares. One table is written by us and by Paimon in turn, the other by Paimon alone: after
 * each step both must hold the same rows, and of the first, we and Paimon must read the same. In the end its changes,
 * snapshot by snapshot, are what Paimon's streaming read gives.
 */
import { join } from 'node:path';
import { systemClock } from '../../../src/base/clock.ts';
import { type JsonObject, parseJson } from '../../../src/base/json.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { linesOfCase } from '../../../src/service/golden-compare.ts';
import { openObjectStore } from '../../../src/storage/open-object-store.ts';
import { Committer } from '../../../src/table/commit/commit.ts';
import { compactTable } from '../../../src/table/compact/compact-table.ts';
import { latestSnapshot } from '../../../src/table/snapshots.ts';
import { openTable, type Table } from '../../../src/table/table.ts';
import { TableWriter } from '../../../src/table/write/table-writer.ts';
import { canonicalParser } from '../../../src/types/canonical-json.ts';
import { buildBatch } from '../../../src/types/column-builder.ts';
import { type RowKind, rowKindByte } from '../../../src/types/row-kind.ts';
import type { Paimon, TableRef } from '../paimon.ts';
import { firstDifference } from '../rows.ts';
import type { History, HistoryStep, Side } from './random-history.ts';
import { schemaOf } from './random-table.ts';

const parts = { clock: systemClock, random: systemRandom };

export type HistoryFailure = { readonly step: number; readonly what: string; readonly difference: unknown };

/** @param folder an empty one */
export async function playHistory(
  paimon: Paimon,
  history: History,
  folder: string,
): Promise<HistoryFailure | undefined> {
  const mixed: TableRef = { warehouse: join(folder, 'mixed'), table: 'db.t' };
  const pure: TableRef = { warehouse: join(folder, 'pure'), table: 'db.t' };
  const stage = { paimon, history };
  for (const ref of [mixed, pure]) await paimon.create(ref, schemaOf(history.table));
  for (const [step, action] of history.steps.entries()) {
    await play(stage, mixed, action, action.side);
    await play(stage, pure, action, 'paimon');
    if (history.table.needsCompaction && action.kind === 'write') {
      await play(stage, mixed, { kind: 'compact', side: action.side }, action.side);
      await play(stage, pure, { kind: 'compact', side: 'paimon' }, 'paimon');
    }
    const rows = await paimon.rows(mixed);
    const byUs = firstDifference(await ours(mixed), rows);
    if (byUs !== undefined) return { step, what: 'we read other rows than Paimon', difference: byUs };
    const expected = firstDifference(rows, await paimon.rows(pure));
    if (expected !== undefined)
      return { step, what: 'the table holds other rows than one of Paimon', difference: expected };
  }
  return changesDiffer(paimon, mixed, history.steps.length);
}

type Stage = { readonly paimon: Paimon; readonly history: History };

async function play({ paimon, history }: Stage, ref: TableRef, action: HistoryStep, side: Side): Promise<void> {
  if (side === 'paimon') {
    if (action.kind === 'write') await paimon.append(ref, action.changes, { compaction: false });
    else if (history.table.isCompactedByPaimon) await paimon.compactFully(ref);
    return;
  }
  await withTable(ref, async table => {
    await using committer = new Committer(table);
    if (action.kind === 'compact') {
      // Where vectors delete rows, what is not compacted with level 0 is what must be marked. With other engines a row
      // that is compacted alone may come out otherwise than one that is merged, in Paimon as well.
      const isPartial = table.options.vectors.isEnabled && table.schema.options['merge-engine'] === undefined;
      await compactTable(table, committer, { isFull: !isPartial });
      return;
    }
    const writer = new TableWriter(table, committer);
    const parse = canonicalParser(table.schema);
    const rows = action.changes.map(line => parse(Object(parseJson(line.slice(3))) as JsonObject));
    const kinds = Int8Array.from(action.changes, line => rowKindByte[line.slice(0, 2) as RowKind]);
    await writer.add(buildBatch(table.schema, rows), kinds);
    await writer.commit();
  });
}

async function changesDiffer(paimon: Paimon, ref: TableRef, step: number): Promise<HistoryFailure | undefined> {
  return await withTable(ref, async table => {
    const head = await latestSnapshot(table);
    if (head === undefined) return undefined;
    const followed = Map.groupBy(await paimon.changes(ref, { first: 1, last: head.id }), ({ snapshot }) => snapshot);
    for (let id = 1; id <= head.id; id += 1) {
      const lines = (followed.get(id) ?? []).map(({ line }) => line);
      const difference = firstDifference(await linesOfCase(table, { kind: 'changes', id, key: '' }), lines);
      if (difference !== undefined) return { step, what: `we read other changes of snapshot ${id}`, difference };
    }
    return undefined;
  });
}

function ours(ref: TableRef): Promise<readonly string[]> {
  return withTable(ref, table => linesOfCase(table, { kind: 'latest', key: '' }));
}

async function withTable<T>({ warehouse }: TableRef, use: (table: Table) => Promise<T>): Promise<T> {
  await using store = await openObjectStore(warehouse, {}, parts);
  return await use(await openTable(store, { database: 'db', name: 't' }, parts));
}
