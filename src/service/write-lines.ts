/**
 * Writes lines of changes into a table: straight, through its log, or through its log and waiting until they are in the
 * table. Rows between two `commit` marks are one unit.
 */
import { checkHeaders, type RecordHeaders } from '../flow/record-headers.ts';
import { endBatch } from './end-batch.ts';
import { type LakeParts, logOf } from './lake-parts.ts';
import { gatherSteps } from './line-gatherer.ts';
import { withLogOf } from './named-logs.ts';
import type { WriteListener } from './row-sinks.ts';
import { openLakeTable } from './tables.ts';
import { openUnitWriter } from './unit-writer.ts';

export type WriteLinesRequest = {
  readonly input: AsyncIterable<Uint8Array>;
  /** The log's acknowledgement is enough; otherwise, on a lake with a log, ingest is run after each unit. */
  readonly viaLog: boolean;
  readonly onAcknowledged?: WriteListener['onAcknowledged'];
  /** Of the log's records. */
  readonly headers?: RecordHeaders | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type WriteReceipt = {
  readonly rowCount: number;
  /** Units that had rows. */
  readonly commitCount: number;
  /** The newest snapshot that was made; undefined through a log, and when there was nothing to write. */
  readonly snapshotId: number | undefined;
};

/**
 * Input that ends without a mark is committed at its end. Units before a bad line are in the table, its own is not (except
 * that of a unit of more than 64 MB the beginning may be in the log already).
 *
 * @throws LakeError `invalid` LAKE_BAD_LINE, LAKE_BAD_VALUE with the line's number; of the stores
 */
export async function writeLines(parts: LakeParts, name: string, request: WriteLinesRequest): Promise<WriteReceipt> {
  if (request.viaLog) logOf(parts, 'writing via the log');
  const table = await openLakeTable(parts, name);
  await using unit = openUnitWriter(await withLogOf(parts, table), table, {
    until: request.viaLog ? 'acknowledged' : 'in-table',
    onAcknowledged: request.onAcknowledged,
    headers: checkHeaders(request.headers),
    signal: request.signal,
  });
  const receipt = { rowCount: 0, commitCount: 0, snapshotId: undefined as number | undefined };
  let unitRows = 0;
  const commit = async (): Promise<void> => {
    if (unitRows === 0) return;
    request.signal?.throwIfAborted();
    receipt.snapshotId = (await unit.commit()) ?? receipt.snapshotId;
    receipt.rowCount += unitRows;
    receipt.commitCount += 1;
    unitRows = 0;
  };
  for await (const step of gatherSteps(table.schema, table.label, untilAborted(request.input, request.signal))) {
    if (step.kind === 'commit') {
      await commit();
    } else {
      unitRows += step.gathered.rows.rowCount;
      await unit.add(step.gathered);
    }
  }
  await commit();
  if (receipt.snapshotId !== undefined) await endBatch(table, receipt.snapshotId);
  return receipt;
}

async function* untilAborted<T>(
  input: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  for await (const piece of input) {
    signal?.throwIfAborted();
    yield piece;
  }
}
