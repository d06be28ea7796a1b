/** The two tables of the crash tests: one shows every change once, the other the last of each flight. */

import { systemClock } from '../../src/base/clock.ts';
import { type Lake, LakeError, type LakeTable, openLake, type RowOf, type ShapeOf, t } from '../../src/index.ts';
import type { LakeComponents } from '../../src/service/lake-parts.ts';
import type { LakeSettings } from '../../src/service/settings.ts';
import { changeOf } from './changes.ts';

type Int = ReturnType<typeof t.int>;
type Bigint = ReturnType<typeof t.bigint>;
type Text = ReturnType<typeof t.string>;
type EventColumns = {
  readonly producer: Int;
  readonly run: Int;
  readonly number: Int;
  readonly flight: Bigint;
  readonly version: Bigint;
  readonly note: Text;
};
type FlightColumns = { readonly flight: Bigint; readonly version: Bigint; readonly note: Text };

const eventColumns: EventColumns = {
  producer: t.int(),
  run: t.int(),
  number: t.int(),
  flight: t.bigint(),
  version: t.bigint(),
  note: t.string(),
};
const flightColumns: FlightColumns = { flight: t.bigint(), version: t.bigint(), note: t.string() };

const openPollMs = 50;

export type EventRow = RowOf<EventColumns>;
export type FlightRow = RowOf<FlightColumns>;
export type CrashTables = {
  readonly events: LakeTable<ShapeOf<EventColumns, never>>;
  readonly flights: LakeTable<ShapeOf<FlightColumns, 'flight'>>;
};

export async function createTables(lake: Lake): Promise<CrashTables> {
  await lake.createTable('crash.events', { columns: eventColumns });
  await lake.createTable('crash.flights', {
    columns: flightColumns,
    primaryKey: ['flight'],
    options: { bucket: 4 },
  });
  return openTables(lake);
}

export async function openTables(lake: Lake): Promise<CrashTables> {
  return {
    events: await lake.table('crash.events', { columns: eventColumns, primaryKey: [] }),
    flights: await lake.table('crash.flights', { columns: flightColumns, primaryKey: ['flight'] }),
  };
}

/** Sends the changes `[from, to)` of a run to both tables; the promises resolve when each has them. */
export function sendChanges(
  writers: CrashWriters,
  run: { readonly producer: number; readonly run: number; readonly from: number; readonly to: number },
): { readonly events: Promise<void>; readonly flights: Promise<void> } {
  const events: Promise<unknown>[] = [];
  const flights: Promise<unknown>[] = [];
  for (let number = run.from; number < run.to; number += 1) {
    const change = changeOf({ ...run, number });
    const { producer, note } = change;
    const [flight, version] = [BigInt(change.flight), BigInt(change.version)];
    events.push(writers.events.insert({ producer, run: change.run, number, flight, version, note }));
    flights.push(
      change.isDelete ? writers.flights.delete({ flight }) : writers.flights.upsert({ flight, version, note }),
    );
  }
  return { events: allOf(events), flights: allOf(flights) };
}

export type CrashWriters = {
  readonly events: ReturnType<CrashTables['events']['writer']>;
  readonly flights: ReturnType<CrashTables['flights']['writer']>;
};

/** Opens the lake, and again while its store is away. */
export async function openWhenThere(settings: LakeSettings, components: LakeComponents = {}): Promise<Lake> {
  for (;;) {
    try {
      return await openLake(settings, components);
    } catch (error) {
      if (!(error instanceof LakeError) || error.kind !== 'unavailable') throw error;
      await systemClock.sleep(openPollMs);
    }
  }
}

async function allOf(promises: readonly Promise<unknown>[]): Promise<void> {
  await Promise.all(promises);
}
