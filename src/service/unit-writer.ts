/**
 * Units of rows: all of a unit, or nothing of it. Straight into a table a unit is a snapshot; through a log, rows are held
 * back until their unit is complete, as long as that fits in memory.
 */
import type { IngestWorker } from '../flow/ingest/ingest-worker.ts';
import type { Producer } from '../flow/producer.ts';
import type { RecordHeaders } from '../flow/record-headers.ts';
import { Committer } from '../table/commit/commit.ts';
import type { Table } from '../table/table.ts';
import { TableWriter } from '../table/write/table-writer.ts';
import { openIngestWorker } from './ingest-log.ts';
import { inTable } from './input-readers.ts';
import { type LakeParts, partsAs, tableAs } from './lake-parts.ts';
import type { GatheredRows } from './row-gatherer.ts';
import { headersWithoutLog, logFor, openProducer, type WriteListener } from './row-sinks.ts';

/** Where units go. What was added and not committed is as if it had never been. */
export type UnitWriter = AsyncDisposable & {
  readonly add: (gathered: GatheredRows) => Promise<void>;
  /** @returns the snapshot that has the unit; undefined: the log has it. */
  readonly commit: () => Promise<number | undefined>;
};

export type UnitOptions = {
  /** With a log: whether its acknowledgement is enough, or ingest is run until the unit is in the table. */
  readonly until: 'acknowledged' | 'in-table';
  readonly onAcknowledged?: WriteListener['onAcknowledged'];
  /** Of the log's records. */
  readonly headers?: RecordHeaders | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Rows of a unit that are held back from the log until the unit is complete, in bytes of columns; beyond, they go. */
const heldBytesMax = 64 * 1024 * 1024;

/** Through the log where the table has one. @throws LakeError `invalid` LAKE_NOT_LOGGED, LAKE_NO_LOG for headers; `unsupported` */
export function openUnitWriter(parts: LakeParts, table: Table, options: UnitOptions): UnitWriter {
  const { until, signal, headers } = options;
  const own = partsAs(parts, 'produce');
  const log = logFor(own, table);
  if (log === undefined && headers !== undefined) throw inTable(table, headersWithoutLog());
  if (log === undefined) return tableUnits(own, tableAs(parts, table, 'produce'), signal);
  const producer = openProducer(own, log, table, options);
  if (until === 'acknowledged') return logUnits(producer, headers, undefined);
  return logUnits(producer, headers, { worker: openIngestWorker(parts, 'writing via the log'), signal });
}

function tableUnits({ notices }: LakeParts, table: Table, signal: AbortSignal | undefined): UnitWriter {
  const committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  return {
    add: ({ rows, kinds }) => writer.add(rows, kinds),
    async commit() {
      const { snapshotId } = await writer.commit({ signal });
      notices.notify(table.label);
      return snapshotId;
    },
    [Symbol.asyncDispose]: () => committer[Symbol.asyncDispose](),
  };
}

/** @param ingest run after each unit, so that it is in the table when `commit` resolves */
function logUnits(
  producer: Producer,
  headers: RecordHeaders | undefined,
  ingest: { readonly worker: IngestWorker; readonly signal: AbortSignal | undefined } | undefined,
): UnitWriter {
  let held: GatheredRows[] = [];
  let heldBytes = 0;
  const acknowledgements = new Set<Promise<unknown>>();
  let failure: { readonly error: unknown } | undefined;
  const send = async (): Promise<void> => {
    for (const { rows, kinds } of held) {
      await producer.room();
      const done = producer.append(rows, kinds, headers);
      acknowledgements.add(done);
      done.then(
        () => acknowledgements.delete(done),
        error => {
          failure ??= { error };
        },
      );
    }
    held = [];
    heldBytes = 0;
    if (failure !== undefined) throw failure.error;
  };
  return {
    async add(gathered) {
      held.push(gathered);
      heldBytes += gathered.rows.columns.reduce((sum, column) => sum + column.byteLength, 0);
      if (heldBytes > heldBytesMax) await send();
    },
    async commit() {
      await send();
      await Promise.all(acknowledgements);
      if (ingest !== undefined) await ingest.worker.drain(ingest.signal);
      return undefined;
    },
    async [Symbol.asyncDispose]() {
      await producer[Symbol.asyncDispose]();
      await ingest?.worker[Symbol.asyncDispose]();
    },
  };
}
