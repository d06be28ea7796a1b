/** Records of the log, put together by hand, for tests of what takes them. */
import type { CommitMessage } from '../src/flow/group-commit/commit-message.ts';
import { noCounters } from '../src/flow/ingest/state.ts';
import type { RoutedRecord } from '../src/flow/ingest/tail.ts';
import { encodeBody, encodeRecord, type LogRecordHeader } from '../src/flow/log-record.ts';
import type { TableSchema } from '../src/format/table-schema.ts';
import { buildBatch } from '../src/types/column-builder.ts';
import { withNullable } from '../src/types/data-type.ts';
import type { Scalar } from '../src/types/scalar.ts';

export type RecordDraft = Partial<LogRecordHeader> &
  Partial<Pick<RoutedRecord, 'shardId' | 'position' | 'arrivalMs'>> & {
    /** Of each row; all inserts unless said. */
    readonly kinds?: readonly number[];
  };

/** A record with these rows of a table of `fixtureSchema`, whatever may be null in them. */
export function recordOf(schema: TableSchema, rows: Scalar[][], draft: RecordDraft = {}): RoutedRecord {
  const { kinds = rows.map(() => 0), shardId = 'a', position = 7n, arrivalMs = 12, ...changes } = draft;
  const fields = schema.fields.map(field => ({ ...field, type: withNullable(field.type, true) }));
  const { encoding, body, bodyBytes } = encodeBody({
    rows: buildBatch({ fields }, rows),
    kinds: Int8Array.from(kinds),
  });
  const header: LogRecordHeader = {
    tableId: 'table-1',
    tableName: 'd.t',
    schemaId: schema.id,
    bucket: 0,
    bucketCount: 2,
    laneCount: undefined,
    producerId: 'p',
    producerNamed: false,
    producerNumber: 1,
    rowCount: rows.length,
    bodyBytes,
    claim: undefined,
    ...changes,
  };
  const record = { header, encoding, body };
  return { shardId, position, arrivalMs, record, data: encodeRecord(record) };
}

/** A message of shard a that moves it from nothing to 9 and brings no rows. */
export function messageOf(changes: Partial<CommitMessage> = {}): CommitMessage {
  return {
    tableId: 'table-1',
    tableName: 'd.t',
    schemaId: 0,
    incarnation: 'log-1',
    shardId: 'a',
    from: undefined,
    to: { position: 9n, arrivalMs: 12 },
    ended: false,
    files: [],
    changelog: [],
    producers: new Map(),
    forgotten: [],
    counters: noCounters,
    events: undefined,
    deadLetters: [],
    origins: new Map(),
    uploadBeganMs: 0,
    ...changes,
  };
}
