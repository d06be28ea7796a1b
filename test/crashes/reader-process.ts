/**
 * A reader that never stops, as a process of its own: scans of the newest snapshot and union reads of both tables, each held
 * against what had been acknowledged before it began and against the read before it.
 */
import { LakeError } from '../../src/index.ts';
import type { LakeSettings } from '../../src/service/settings.ts';
import {
  checkEventCounts,
  checkEventRows,
  checkFlightRows,
  checkRunAcknowledged,
  Faults,
  Monotone,
} from './check-rows.ts';
import { readNotes } from './notes.ts';
import { openTables, openWhenThere } from './tables.ts';
import { tell, untilTold } from './until-told.ts';

export type ReaderTask = { readonly settings: LakeSettings; readonly notesFolder: string };

const task: ReaderTask = JSON.parse(process.argv[2] ?? '{}');
const signal = untilTold();
await using lake = await openWhenThere(task.settings);
const tables = await openTables(lake);
const lines = { snapshot: new Monotone(), union: new Monotone() };
tell({ kind: 'ready' });

while (!signal.aborted) {
  for (const line of ['snapshot', 'union'] as const) {
    await reading(() => readEvents(line));
    await reading(() => readFlights(line));
  }
}
process.stdin.destroy();

async function readEvents(line: keyof typeof lines): Promise<{ readonly rows: number; readonly faults: Faults }> {
  const faults = new Faults();
  const before = await readNotes(task.notesFolder);
  const rows = await tables.events.scan({ union: line === 'union' }).rows();
  const counts = checkEventRows(rows, faults);
  lines[line].takeEvents(counts, faults);
  if (line === 'union') for (const run of before) checkRunAcknowledged(run, counts, faults);
  // What is there was sent: noted before it went out, so a look at the notes after the read must show it.
  checkEventCounts(counts, (await readNotes(task.notesFolder)).map(onlySent), faults);
  return { rows: rows.length, faults };
}

async function readFlights(line: keyof typeof lines): Promise<{ readonly rows: number; readonly faults: Faults }> {
  const faults = new Faults();
  const rows = await tables.flights.scan({ union: line === 'union' }).rows();
  lines[line].takeFlights(checkFlightRows(rows, faults), faults);
  return { rows: rows.length, faults };
}

function onlySent<T extends { readonly acknowledged: object }>(run: T): T {
  return { ...run, acknowledged: { events: new Set<number>(), flights: new Set<number>() } };
}

async function reading(read: () => Promise<{ readonly rows: number; readonly faults: Faults }>): Promise<void> {
  try {
    const { rows, faults } = await read();
    for (const text of faults.texts) tell({ kind: 'fault', text });
    if (faults.count === 0) tell({ kind: 'read', rows });
  } catch (error) {
    const isAway = error instanceof LakeError && error.kind === 'unavailable';
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    tell({ kind: isAway ? 'unavailable' : 'fault', text: isAway ? text : `read: ${text}` });
  }
}
