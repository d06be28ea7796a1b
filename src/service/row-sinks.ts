/** Where rows go that are written: into the table's log, or straight into the table. */
import { assert } from '../base/assert.ts';
import { invalid, unsupported } from '../base/errors.ts';
import { Producer } from '../flow/producer.ts';
import type { LogStore } from '../storage/log-store.ts';
import { Committer } from '../table/commit/commit.ts';
import type { Table } from '../table/table.ts';
import { TableWriter } from '../table/write/table-writer.ts';
import { type LakeParts, partsAs, tableAs } from './lake-parts.ts';
import type { GatheredRows } from './row-gatherer.ts';

export type RowSink = AsyncDisposable & {
  /** Calls to `write` that may be under way at a time. */
  readonly inFlightMax: number;
  /** Resolves when every row is durable: in the log, or in a snapshot. Calls keep their order. */
  readonly write: (batches: readonly GatheredRows[]) => Promise<void>;
};

const logWritesInFlightMax = 4;

/** The log that rows of the table go through. A branch has none: they go straight into it. */
export function logFor({ log }: LakeParts, { identifier }: Table): LogStore | undefined {
  return identifier.branch === undefined ? log : undefined;
}

/** The log's sink where the table has a log, else the table's. */
export function openRowSink(parts: LakeParts, table: Table): RowSink {
  const own = partsAs(parts, 'produce');
  const log = logFor(own, table);
  return log === undefined ? tableSink(own, tableAs(parts, table, 'produce')) : logSink(openProducer(own, log, table));
}

/** Options of a sink that is not there when rows go through a log. */
const ofNoConcern = /^(sink|scan|lookup)\.|^write-buffer|^local-merge-buffer/;

/**
 * @throws LakeError `invalid` LAKE_NOT_LOGGED for tables whose rows can not go through a log; `unsupported` naming an
 * option that was given for this use of the table
 */
export function openProducer(parts: LakeParts, log: LogStore, table: Table): Producer {
  const { id, label, schema, identifier } = table;
  assert(identifier.branch === undefined, 'a branch has no log');
  if (id === undefined) {
    throw invalid(
      'LAKE_NOT_LOGGED',
      `${label} was not made by Tidelake, so the log can not name it; write without a log`,
    );
  }
  const other = Object.keys(table.dynamicOptions).find(key => !ofNoConcern.test(key));
  if (other !== undefined) {
    throw unsupported(`option ${other} for one statement of a table with a log, whose rows are written later,`, label);
  }
  const { store, clock, random } = parts;
  return new Producer({ log, store, clock, random }, { tableId: id, tableName: label, schema });
}

function logSink(producer: Producer): RowSink {
  return {
    inFlightMax: logWritesInFlightMax,
    async write(batches) {
      await Promise.all(batches.map(({ rows, kinds }) => producer.append(rows, kinds)));
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
      await writer.commit();
      notices.notify(table.label);
    },
    [Symbol.asyncDispose]: () => committer[Symbol.asyncDispose](),
  };
}
