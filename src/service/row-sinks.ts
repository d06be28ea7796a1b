/** Where rows go that are written: into the table's log, or straight into the table. */
import { invalid, type LakeError } from '../base/errors.ts';
import type { AcknowledgedRecord } from '../flow/acknowledged-record.ts';
import { Producer } from '../flow/producer.ts';
import type { RecordHeaders } from '../flow/record-headers.ts';
import type { LogStore } from '../storage/log-store.ts';
import { Committer } from '../table/commit/commit.ts';
import type { Table } from '../table/table.ts';
import { TableWriter } from '../table/write/table-writer.ts';
import { type LakeParts, partsAs, tableAs } from './lake-parts.ts';
import { loggedTable } from './logged-table.ts';
import type { GatheredRows } from './row-gatherer.ts';

export type RowSink = AsyncDisposable & {
  /** Calls to `write` that may be under way at a time. */
  readonly inFlightMax: number;
  /** Resolves when every row is durable: in the log, or in a snapshot; with a receipt for each batch. Calls keep their order. */
  readonly write: (batches: readonly WrittenRows[]) => Promise<readonly WriteReceipt[]>;
};

/** Rows on their way; headers only where there is a log. */
export type WrittenRows = GatheredRows & { readonly headers?: RecordHeaders | undefined };

/** Where rows are that a writer was given: those of a call, and of others that shared its batch. */
export type WriteReceipt = {
  /** Of the log; empty where there is none. */
  readonly records: readonly AcknowledgedRecord[];
  /** The snapshot that has them, where there is no log; undefined: they changed nothing. */
  readonly snapshotId: number | undefined;
};

/** Of a writer whose rows go through a log. */
export type WriteListener = {
  /** Told of each record of rows when the log has it. */
  readonly onAcknowledged?: ((record: AcknowledgedRecord) => void) | undefined;
};

const logWritesInFlightMax = 4;

/** The log that rows of the table go through. A branch has none: they go straight into it. */
export function logFor({ log }: Pick<LakeParts, 'log'>, { identifier }: Table): LogStore | undefined {
  return identifier.branch === undefined ? log : undefined;
}

/** Headers that nobody would ever see are not dropped without a word. */
export function headersWithoutLog(): LakeError {
  return invalid('LAKE_NO_LOG', 'headers are of the records of a log, and rows go straight into the table');
}

/** The log's sink where the table has a log, else the table's. */
export function openRowSink(parts: LakeParts, table: Table, listener: WriteListener = {}): RowSink {
  const own = partsAs(parts, 'produce');
  const log = logFor(own, table);
  if (log === undefined) return tableSink(own, tableAs(parts, table, 'produce'));
  return logSink(openProducer(own, log, table, listener));
}

/** @throws LakeError as `loggedTable` does */
export function openProducer(
  { store, clock, random }: LakeParts,
  log: LogStore,
  table: Table,
  { onAcknowledged }: WriteListener = {},
): Producer {
  return new Producer({ log, store, clock, random, onAcknowledged }, loggedTable(table));
}

function logSink(producer: Producer): RowSink {
  return {
    inFlightMax: logWritesInFlightMax,
    async write(batches) {
      const records = await Promise.all(
        batches.map(({ rows, kinds, headers }) => producer.append(rows, kinds, headers)),
      );
      return records.map(each => ({ records: each, snapshotId: undefined }));
    },
    [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
  };
}

/** Each write is a snapshot. */
function tableSink({ notices }: LakeParts, table: Table): RowSink {
  const committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  return {
    inFlightMax: 1,
    async write(batches) {
      for (const { rows, kinds } of batches) await writer.add(rows, kinds);
      const { snapshotId } = await writer.commit();
      notices.notify(table.label);
      return batches.map(() => ({ records: [], snapshotId }));
    },
    [Symbol.asyncDispose]: () => committer[Symbol.asyncDispose](),
  };
}
