/** A worker as a process of its own: ingest alone, or compaction and maintenance. */
import { LakeError, type WorkerEvent } from '../../src/index.ts';
import type { LakeSettings } from '../../src/service/settings.ts';
import { openWhenThere } from './tables.ts';
import { tell, untilTold } from './until-told.ts';

export type WorkerTask = { readonly settings: LakeSettings; readonly role: 'ingest' | 'compactor' };

/** Failures that are tried again and do no harm. Anything else is a fault. */
const expectedKinds: ReadonlySet<string> = new Set(['unavailable', 'conflict']);

const task: WorkerTask = JSON.parse(process.argv[2] ?? '{}');
const signal = untilTold();
await using lake = await openWhenThere(task.settings);
const isIngest = task.role === 'ingest';
const worker = lake.run({ ingest: isIngest, compaction: !isIngest, maintenance: !isIngest, signal, onEvent });
tell({ kind: 'ready' });
await worker.done;
process.stdin.destroy();

function onEvent(event: WorkerEvent): void {
  switch (event.kind) {
    case 'ingested':
      if (event.deadLetteredCount > 0) tell({ kind: 'fault', text: `${event.deadLetteredCount} dead letters` });
      tell({ kind: 'commit', rows: event.rowCount });
      break;
    case 'compacted':
      tell({ kind: 'compacted' });
      break;
    case 'lost':
      tell({ kind: 'fault', text: `lost: ${JSON.stringify(event)}` });
      break;
    case 'failed': {
      const isExpected = event.error instanceof LakeError && expectedKinds.has(event.error.kind);
      const isAway = event.error === undefined && event.code === 'LAKE_STORE_UNAVAILABLE';
      const text = `${event.task} of ${event.table ?? 'the lake'}: ${event.code}: ${event.message}`;
      tell({ kind: isExpected || isAway ? 'unavailable' : 'fault', text });
      break;
    }
    default:
  }
}
