/** Ingest, on and on: of the lake's own log, and of each that tables name, from when it is found. */
import { listLogNames } from '../catalog/log-names.ts';
import type { CycleResult } from '../flow/ingest/ingest-worker.ts';
import { blockedTable, openIngestWorker } from './ingest-log.ts';
import { partsAs } from './lake-parts.ts';
import { failedEvent, type LoopContext, laterInterval, runLoop } from './loop.ts';
import { withLog } from './named-logs.ts';
import type { WorkerListener } from './worker-events.ts';

/** How soon logs are looked for that other processes' tables name. */
const lookIntervalMsMin = 1_000;
/** Looks that found none make the next one later, up to this: looking costs requests. */
const lookIntervalMsMax = 600_000;

export async function ingestLoop(context: LoopContext): Promise<void> {
  const { signal } = context;
  const parts = partsAs(context.parts, 'ingest');
  const { store, logs, clock } = parts;
  const begun = new Set<string>();
  const running = [ingestOfLog(context, undefined)];
  const begin = (names: readonly string[]): boolean => {
    const found = names.filter(name => !begun.has(name));
    for (const name of found) {
      // First: beginning opens the log, and the listener hears of that at once.
      begun.add(name);
      running.push(ingestOfLog(context, name));
    }
    return found.length > 0;
  };
  // Tables of this process need no look.
  const stopListening = logs.listen(name => begin([name]));
  let intervalMs = lookIntervalMsMin;
  try {
    await runLoop(context, 'ingest', async () => {
      const hasFound = begin(await listLogNames(store, signal));
      intervalMs = hasFound ? lookIntervalMsMin : laterInterval(intervalMs, lookIntervalMsMax);
      await clock.sleep(intervalMs, signal);
    });
  } finally {
    stopListening();
  }
  await Promise.all(running);
}

function ingestOfLog(context: LoopContext, name: string | undefined): Promise<void> {
  const { parts, signal, emit } = context;
  return runLoop(context, 'ingest', async () => {
    await using worker = openIngestWorker(await withLog(parts, name), 'ingest');
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
