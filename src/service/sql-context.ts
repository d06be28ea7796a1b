/** What SQL statements need of a lake. */
import { type Identifier, printIdentifier } from '../catalog/identifier.ts';
import { unionRead } from '../flow/read/union-read.ts';
import type { SqlContext, UnionRead, WriteRows } from '../sql/context.ts';
import { endBatch } from './end-batch.ts';
import { type LakeParts, logOf, partsAs } from './lake-parts.ts';
import { withLogOf } from './named-logs.ts';
import { logFor } from './row-sinks.ts';
import { settleLog } from './settle-log.ts';
import { openLakeTable } from './tables.ts';
import { openUnitWriter } from './unit-writer.ts';

export async function sqlContextOf(parts: LakeParts): Promise<SqlContext> {
  return {
    catalog: parts,
    engine: await parts.sqlEngine.open(),
    openTable: (identifier: Identifier) =>
      openLakeTable(parts, printIdentifier({ ...identifier, systemTable: undefined })),
    writeRows: writeRowsOf(parts),
    unionRead: unionReadOf(parts),
    async call(request) {
      const { callProcedure } = await import('./procedures/call-procedure.ts');
      return callProcedure(partsAs(parts, 'maintenance'), request);
    },
    logWriter: logWriterOf(parts),
    settle: (table, options) => settleLog(parts, table, options),
    committed: table => parts.notices.notify(table.label),
    endBatch,
  };
}

function writeRowsOf(parts: LakeParts): WriteRows {
  return async (table, rows, { signal }) => {
    await using unit = openUnitWriter(await withLogOf(parts, table), table, { until: 'acknowledged', signal });
    let rowCount = 0;
    for await (const batch of rows) {
      signal?.throwIfAborted();
      await unit.add({ rows: batch, kinds: new Int8Array(batch.rowCount) });
      rowCount += batch.rowCount;
    }
    const snapshotId = rowCount === 0 ? undefined : await unit.commit();
    if (snapshotId !== undefined) await endBatch(table, snapshotId);
    return { rowCount, snapshotId };
  };
}

function logWriterOf(parts: LakeParts): SqlContext['logWriter'] {
  return table => {
    if (logFor(parts, table) === undefined || table.id === undefined) return undefined;
    return async (changes, { signal }) => {
      await using unit = openUnitWriter(await withLogOf(parts, table), table, { until: 'acknowledged', signal });
      let rowCount = 0;
      for await (const { rows, kinds } of changes) {
        signal?.throwIfAborted();
        await unit.add({ rows, kinds });
        rowCount += rows.rowCount;
      }
      if (rowCount > 0) await unit.commit();
    };
  };
}

/** Branches and tables of other makers have no log. */
function unionReadOf(parts: LakeParts): UnionRead | undefined {
  if (parts.log === undefined) return undefined;
  return async (table, options) => {
    if (table.id === undefined || table.identifier.branch !== undefined) return undefined;
    const log = logOf(await withLogOf(parts, table), 'a union read');
    return unionRead({ log, store: parts.store }, table, options);
  };
}
