/**
 * The rows of the system table `dead_letters`: what a table could not take of its log, and what of that is on its way back
 * (RFC 0010). What a replay has brought back is in the table itself, and here no more.
 */
import { isLakeError } from '../../base/errors.ts';
import { timestampOf } from '../../catalog/system/columns.ts';
import { deadLettersType } from '../../catalog/system/dead-letter-table.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { whileSnapshotStays } from '../../table/manifests.ts';
import type { Table } from '../../table/table.ts';
import { buildBatch } from '../../types/column-builder.ts';
import { projectBatch, type RowBatch } from '../../types/row-batch.ts';
import type { Scalar } from '../../types/scalar.ts';
import { readDeadLetterList } from '../ingest/dead-letter-list.ts';
import { type DeadLetter, readDeadLetterFile } from '../ingest/dead-letters.ts';
import { stateOfHead } from '../ingest/load-state.ts';
import { decodeRecord, type LogRecordHeader } from '../log-record.ts';

/** A dead letter, and where in the table's history it is. */
export type ListedLetter = DeadLetter & {
  readonly snapshotId: number | undefined;
  /** It is in the log again, or about to be, and leaves the list when the table has it. */
  readonly isReplayed: boolean;
};

/** Of a record, what is shown of it; its length is told beside. */
export const shownRecordBytesMax: number = 4 * 1024;
/** With their records some 4 MB. */
const batchRowsMax = 1_000;

/** As of a snapshot, oldest first; then those on their way back. None of a table that takes nothing from a log. */
export async function* listedLetters(
  table: Table,
  snapshot: Snapshot | undefined,
): AsyncGenerator<ListedLetter, void, undefined> {
  const state = await stateOfHead(table, snapshot);
  const { files, replays } = await readDeadLetterList(table, state?.deadLetters);
  for (const { name, snapshotId } of files) {
    for await (const letter of readDeadLetterFile(table, name)) yield { ...letter, snapshotId, isReplayed: false };
  }
  for (const { name, snapshotId } of replays.flatMap(({ letters }) => letters)) {
    for await (const letter of readDeadLetterFile(table, name)) yield { ...letter, snapshotId, isReplayed: true };
  }
}

/**
 * In batches, which are never empty.
 *
 * @param options.columns those that come out, in this order; all when not given
 * @throws LakeError `invalid` LAKE_SNAPSHOT_EXPIRED; `corrupt` LAKE_CORRUPT_DEAD_LETTERS, LAKE_FILE_MISSING
 */
export async function* readDeadLetterRows(
  table: Table,
  snapshot: Snapshot | undefined,
  { columns }: { readonly columns?: readonly string[] | undefined } = {},
): AsyncGenerator<RowBatch, void, undefined> {
  const letters = listedLetters(table, snapshot);
  const names = columns ?? deadLettersType.fields.map(field => field.name);
  let rows: (readonly Scalar[])[] = [];
  const batch = (): RowBatch => projectBatch(buildBatch(deadLettersType, rows), names);
  const next = (): ReturnType<typeof letters.next> => letters.next();
  try {
    for (;;) {
      const step = snapshot === undefined ? await next() : await whileSnapshotStays(table, snapshot, next);
      if (step.done === true) break;
      rows.push(rowOf(step.value));
      if (rows.length < batchRowsMax) continue;
      yield batch();
      rows = [];
    }
    if (rows.length > 0) yield batch();
  } finally {
    await letters.return();
  }
}

function rowOf(letter: ListedLetter): readonly Scalar[] {
  const { reason, detail, rowCount, shardId, position, arrivalMs, data, snapshotId, isReplayed } = letter;
  const header = headerOfLetter(letter);
  return [
    reason,
    detail,
    BigInt(rowCount),
    shardId,
    position.toString(),
    timestampOf(arrivalMs),
    header?.producerId ?? null,
    bigintOf(header?.producerNumber),
    bigintOf(header?.schemaId),
    BigInt(data.byteLength),
    data.slice(0, shownRecordBytesMax),
    bigintOf(snapshotId),
    isReplayed,
  ];
}

function bigintOf(value: number | undefined): bigint | null {
  return value === undefined ? null : BigInt(value);
}

/** What a letter's record says of itself; undefined: it cannot be read. */
export function headerOfLetter({ data }: Pick<DeadLetter, 'data'>): LogRecordHeader | undefined {
  try {
    return decodeRecord(data, 'a dead letter').header;
  } catch (error) {
    if (isLakeError(error)) return undefined;
    throw error;
  }
}
