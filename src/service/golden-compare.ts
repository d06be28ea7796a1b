/** A table's rows and changes as sorted canonical JSON lines, and where two such lists differ. */

import type { Snapshot } from '../format/snapshot.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { changeSourceOf } from '../table/changelog/change-source.ts';
import { readChanges } from '../table/changelog/read-changes.ts';
import { readPlan } from '../table/read/read-split.ts';
import { planScan } from '../table/scan/plan-scan.ts';
import { latestSnapshot, snapshotById, snapshotOfTag } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import { canonicalRow } from '../types/canonical-json.ts';
import { rowKindOf } from '../types/row-kind.ts';
import type { GoldenCase } from './golden-root.ts';

const shownCharactersMax = 300;

/** The lines of a table's state. @throws LakeError of reading; `unsupported` naming the feature */
export async function linesOfCase(table: Table, golden: GoldenCase): Promise<readonly string[]> {
  switch (golden.kind) {
    case 'latest':
      return rowLines(table, await latestSnapshot(table), table.schema);
    case 'snapshot':
      return travelledLines(table, await snapshotById(table, golden.id));
    case 'tag':
      return travelledLines(table, await snapshotOfTag(table, golden.tag));
    case 'changes':
      return changeLines(table, golden.id);
  }
}

/** Time travel reads under the snapshot's own schema. */
async function travelledLines(table: Table, snapshot: Snapshot): Promise<readonly string[]> {
  return rowLines(table, snapshot, await table.schemas.get(snapshot.schemaId));
}

async function rowLines(table: Table, snapshot: Snapshot | undefined, schema: TableSchema): Promise<readonly string[]> {
  const plan = await planScan(table, snapshot, { schema });
  const lines: string[] = [];
  for await (const batch of readPlan(table, plan)) {
    const print = canonicalRow(batch);
    for (let row = 0; row < batch.rowCount; row += 1) lines.push(print(row));
  }
  return sortedByBytes(lines);
}

async function changeLines(table: Table, id: number): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { rows, kinds } of readChanges(table, await changeSourceOf(table, id))) {
    const print = canonicalRow(rows);
    for (let row = 0; row < rows.rowCount; row += 1) lines.push(`${rowKindOf(kinds[row] ?? 0)} ${print(row)}`);
  }
  return sortedByBytes(lines);
}

/** JavaScript's own order is by UTF-16 units, which is another beyond U+FFFF. */
function sortedByBytes(lines: readonly string[]): readonly string[] {
  const keyed = lines.map(line => ({ line, bytes: Buffer.from(line) }));
  keyed.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  return keyed.map(({ line }) => line);
}

/** Says where two sorted lists differ; undefined: they are equal. */
export function differenceOf(read: readonly string[], expected: readonly string[]): string | undefined {
  for (let at = 0; at < Math.max(read.length, expected.length); at += 1) {
    if (read[at] === expected[at]) continue;
    const counts = `${read.length} rows instead of ${expected.length}, first difference at ${at + 1}`;
    return `${counts}: ${shown(read[at])} instead of ${shown(expected[at])}`;
  }
  return undefined;
}

function shown(line: string | undefined): string {
  if (line === undefined) return 'nothing';
  return line.length > shownCharactersMax ? `${line.slice(0, shownCharactersMax)}…` : line;
}
