/**
 * A producer as a process of its own: sends changes through the product's writers, a few batches at a time, and notes what it
 * sends and what was acknowledged. Killed at any moment; its next run goes on with changes of its own.
 */
import { systemClock } from '../../src/base/clock.ts';
import type { LakeSettings } from '../../src/service/settings.ts';
import { NoteBook } from './notes.ts';
import { openTables, openWhenThere, sendChanges } from './tables.ts';
import { tell, untilTold } from './until-told.ts';

export type ProducerTask = {
  readonly settings: LakeSettings;
  readonly notesFolder: string;
  readonly producer: number;
  readonly run: number;
};

const batchRows = 40;
const batchesInFlightMax = 4;
const pauseMs = 25;

const task: ProducerTask = JSON.parse(process.argv[2] ?? '{}');
const signal = untilTold();
await using lake = await openWhenThere(task.settings);
const tables = await openTables(lake);
using notes = new NoteBook(task.notesFolder, task.producer, task.run);
await using events = tables.events.writer();
await using flights = tables.flights.writer();
tell({ kind: 'ready' });

const inFlight: Promise<unknown>[] = [];
for (let from = 0; !signal.aborted; from += batchRows) {
  const to = from + batchRows;
  notes.willSend(to);
  const sent = sendChanges({ events, flights }, { producer: task.producer, run: task.run, from, to });
  inFlight.push(
    Promise.all([
      sent.events.then(() => notes.acknowledged('events', from, to)),
      sent.flights.then(() => notes.acknowledged('flights', from, to)),
    ]),
  );
  if (inFlight.length >= batchesInFlightMax) await inFlight.shift();
  await systemClock.sleep(pauseMs);
}
await Promise.all(inFlight);
process.stdin.destroy();
