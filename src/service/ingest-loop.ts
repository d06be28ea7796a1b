/** Ingest, on and on. */
import type { CycleResult } from '../flow/ingest/ingest-worker.ts';
import { blockedTable, openIngestWorker } from './ingest-log.ts';
import { failedEvent, type LoopContext, runLoop } from './loop.ts';
import type { WorkerListener } from './worker-events.ts';

export function ingestLoop(context: LoopContext): Promise<void> {
  const { parts, signal, emit } = context;
  return runLoop(context, 'ingest', async () => {
    await using worker = openIngestWorker(parts, 'ingest');
    await worker.run(signal, cycle => {
      tell(cycle, emit);
      for (const { tableName, outcome } of cycle.events)
        if (outcome.status === 'committed') parts.notices.notify(tableName);
    });
  });
}

function tell(cycle: CycleResult, emit: WorkerListener): void {
  const { events, blocked, droppedTableRows, unreadableRecords, lostShards } = cycle;
  for (const of of blocked) emit(failedEvent('ingest', of.tableName, blockedTable(of)));
  for (const { tableName, outcome, rowCount, elapsedMs } of events) {
    if (outcome.status !== 'committed') continue;
    const { snapshot, counters, requests, attempts } = outcome;
    emit({
      kind: 'ingested',
      table: tableName,
      snapshotId: snapshot.id,
      rowCount,
      writtenCount: Number(counters.written),
      mergedAwayCount: Number(counters.mergedAway),
      deadLetteredCount: Number(counters.deadLettered),
      duplicateCount: Number(counters.duplicates),
      requestCount: requests,
      attemptCount: attempts,
      elapsedMs,
    });
  }
  if (droppedTableRows + unreadableRecords + lostShards.length === 0) return;
  emit({ kind: 'lost', droppedTableRows, unreadableRecords, lostShards });
}
