/** What a worker tells of itself: for logs, figures and alarms. */
import type { LakeErrorCode } from '../base/errors.ts';

export type WorkerTask = 'ingest' | 'compaction' | 'maintenance';

export type WorkerEvent =
  /** Rows of the log came into a table. */
  | {
      readonly kind: 'ingested';
      readonly table: string;
      readonly snapshotId: number;
      /** Rows in = written + merged away + dead-lettered + duplicates. */
      readonly rowCount: number;
      readonly writtenCount: number;
      readonly mergedAwayCount: number;
      readonly deadLetteredCount: number;
      readonly duplicateCount: number;
      /** Requests to the object store, and swaps tried. */
      readonly requestCount: number;
      readonly attemptCount: number;
      readonly elapsedMs: number;
    }
  | {
      readonly kind: 'compacted';
      readonly table: string;
      readonly snapshotId: number;
      readonly bucketCount: number;
      readonly filesBefore: number;
      readonly filesAfter: number;
      readonly bytesBefore: number;
      readonly bytesAfter: number;
      readonly elapsedMs: number;
    }
  | { readonly kind: 'maintained'; readonly table: string; readonly detail: string; readonly elapsedMs: number }
  /** Rows that nobody gets any more: an alarm. */
  | {
      readonly kind: 'lost';
      readonly droppedTableRows: number;
      readonly unreadableRecords: number;
      readonly lostShards: readonly string[];
    }
  /** A task could not go on; it is tried again after a wait. */
  | {
      readonly kind: 'failed';
      readonly task: WorkerTask;
      readonly table: string | undefined;
      readonly code: LakeErrorCode;
      readonly message: string;
      readonly error: unknown;
    };

export type WorkerListener = (event: WorkerEvent) => void;

/** One line for people. */
export function printWorkerEvent(event: WorkerEvent): string {
  switch (event.kind) {
    case 'ingested': {
      const dead = event.deadLetteredCount === 0 ? '' : `, ${event.deadLetteredCount} to the dead letters`;
      return `ingested ${event.rowCount} rows into ${event.table}, snapshot ${event.snapshotId}${dead}`;
    }
    case 'compacted': {
      const { table, snapshotId, bucketCount, filesBefore, filesAfter } = event;
      return `compacted ${table}, snapshot ${snapshotId}: ${filesBefore} files to ${filesAfter} in ${bucketCount} buckets`;
    }
    case 'maintained':
      return `maintained ${event.table}: ${event.detail}`;
    case 'lost': {
      const shards = event.lostShards.length === 0 ? '' : `, records of ${event.lostShards.join(', ')} were lost`;
      return `skipped ${event.droppedTableRows} rows of dropped tables and ${event.unreadableRecords} foreign records${shards}`;
    }
    case 'failed':
      return `${event.task}${event.table === undefined ? '' : ` of ${event.table}`} failed: ${event.code}: ${event.message}`;
  }
}
