/**
 * The door `tidelake`: open a lake, make tables, write, read, follow and query them.
 *
 * Values come and go as the table beside `t` says. Failures are `LakeError` with a stable `code`; its `kind` says what to do.
 * Whatever opens is `AsyncDisposable`, and whatever waits takes an `AbortSignal`.
 */
export { LakeError, type LakeErrorCode, type LakeErrorKind } from './base/errors.ts';
export { markHeapLate } from './base/heap-marking.ts';
export type { AcknowledgedRecord } from './flow/acknowledged-record.ts';
export type { UnitLease } from './flow/read/subscribed-batch.ts';
export type { ArrowColumns } from './service/arrow-columns.ts';
export type { PendingRows } from './service/batching-writer.ts';
export { type Columns, type ColumnType, type RowInputOf, type RowOf, t } from './service/column-types.ts';
export type { CompactReceipt, CompactRequest, SortOrder, SortStrategy } from './service/compact-lake-table.ts';
export type { DeadLetter, DeadLetterReason, ReplayReceipt, ReplayRequest } from './service/dead-letters.ts';
export type { IngestReceipt } from './service/ingest-log.ts';
export { type CreateTableSpec, type ExpectedTable, Lake, openLake } from './service/lake.ts';
export type { LakeComponents } from './service/lake-parts.ts';
export { LakeTable, type ScanOptions } from './service/lake-table.ts';
export type { LoadReceipt, LoadRequest, LoadSource } from './service/load-table.ts';
export type { RecordName, RecordTrail } from './service/locate-record.ts';
export type { LookupRequest } from './service/lookup-row.ts';
export {
  NamedWriter,
  type RowKindChoice,
  type SendOptions,
  type SendReceipt,
  type SendRequest,
} from './service/named-writer.ts';
export type {
  OverwriteReceipt,
  OverwriteRequest,
  PartitionChoice,
  PartitionSpec,
} from './service/overwrite-lake-table.ts';
export type { ProducerLane, ProducerStanding } from './service/producer-standing.ts';
export type { ReadPoint } from './service/read-point.ts';
export type { RestoreReceipt, RollbackPoint } from './service/restore-lake-table.ts';
export type { WriteListener, WriteReceipt } from './service/row-sinks.ts';
export { type RowOptions, RowWriter, type WaitOptions } from './service/row-writer.ts';
export type { ScanRequest } from './service/scan-table.ts';
export type * from './service/settings.ts';
export { SqlResult } from './service/sql-result.ts';
export type { SqlOptions, SqlValue } from './service/sql-template.ts';
export type {
  SubscriptionEnd,
  SubscriptionRange,
  SubscriptionReader,
  SubscriptionStart,
  SubscriptionView,
} from './service/subscribe-request.ts';
export type { SubscribedChange, SubscribeRequest } from './service/subscribe-table.ts';
export type { TableAccounting } from './service/table-accounting.ts';
export { TableBranches } from './service/table-branches.ts';
export type { ChangesRequest } from './service/table-changes.ts';
export type { TableSpec } from './service/table-definitions.ts';
export type { Lag, LagRequest, ShardLag } from './service/table-lag.ts';
export { TableScan } from './service/table-scan.ts';
export type { AnyShape, RowChange, ShapeOf, TableShape } from './service/table-shape.ts';
export { type TableTag, TableTags, type TagOptions } from './service/table-tags.ts';
export type { QueryWatchRequest, TableWatchRequest, WatchOptions } from './service/watch/watch.ts';
export type { WatchBatch, WatchChange } from './service/watch/watch-rows.ts';
export { LakeWorker, type RunOptions } from './service/worker.ts';
export { printWorkerEvent, type WorkerEvent, type WorkerListener, type WorkerTask } from './service/worker-events.ts';
export type { SqlParameter } from './sql/parameters.ts';
export type { RowKind } from './types/row-kind.ts';
