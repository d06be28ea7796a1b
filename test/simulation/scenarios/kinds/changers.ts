/** Those who change what a table is and not its rows: its schema, and the statistics that a snapshot names. */
import { alterTable } from '../../../../src/catalog/catalog.ts';
import { parseIdentifier } from '../../../../src/catalog/identifier.ts';
import type { SchemaChange } from '../../../../src/catalog/schema-change.ts';
import type { TableSchema } from '../../../../src/format/table-schema.ts';
import { latestSnapshot } from '../../../../src/table/snapshots.ts';
import { reopenTable } from '../../../../src/table/table.ts';
import { commitStatistics, mergedSize, readStatistics } from '../../../../src/table/table-statistics.ts';
import type { KindsBench } from './bench.ts';
import { valueFields } from './table-kind.ts';

/** Adds the third column, renames the first and the third, and widens the first. */
export function evolver(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const table = await bench.open(process);
    const isDue = bench.due(process, { commits: 6 });
    while (!bench.isStopped) {
      await bench.pause(process, 12);
      if (!isDue()) continue;
      const { schema } = await reopenTable(table);
      const change = changeOf(schema, { place: process.random.next(), number: bench.nextNumber() });
      await alterTable(bench.world.parts(process), parseIdentifier('d.t'), [change]);
      bench.count(change.kind);
    }
  });
}

function changeOf(
  { fields }: TableSchema,
  { place, number }: { readonly place: number; readonly number: number },
): SchemaChange {
  const [first, , third] = valueFields(fields);
  if (first === undefined) throw new Error('there is a first column');
  if (third === undefined && place < 0.5) {
    return { kind: 'add-column', name: `c${number}`, type: { kind: 'bigint', nullable: true } };
  }
  if (first.type.kind === 'int' && place < 0.75) {
    return { kind: 'change-type', name: first.name, type: { kind: 'bigint', nullable: true } };
  }
  const { name } = third !== undefined && place < 0.6 ? third : first;
  return { kind: 'rename-column', name, newName: `${name.slice(0, 1)}${number}` };
}

/** ANALYZE, with figures of its own. */
export function analyzer(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const opened = await bench.open(process);
    const isDue = bench.due(process, { commits: 8 });
    while (!bench.isStopped) {
      await bench.pause(process, 10);
      if (!isDue()) continue;
      const table = await reopenTable(opened);
      const snapshot = await latestSnapshot(table);
      if (snapshot === undefined) continue;
      const mergedRecordCount = BigInt(bench.nextNumber());
      const statistics = {
        snapshotId: snapshot.id,
        schemaId: table.schema.id,
        mergedRecordCount,
        mergedRecordSize: await mergedSize(table, snapshot, mergedRecordCount),
        columns: new Map(),
      };
      const outcome = await bench.do(table, { what: 'analyze', apply: before => before }, named =>
        commitStatistics(named, statistics),
      );
      if (outcome.status !== 'committed') continue;
      const read = await readStatistics(table, outcome.snapshot);
      bench.world.check(
        read?.mergedRecordCount === mergedRecordCount,
        () => `the statistics of snapshot ${outcome.snapshot.id} say ${read?.mergedRecordCount}`,
      );
    }
  });
}
