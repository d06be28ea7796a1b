import { expect, test } from 'vitest';
import { changeOf, parseNotes, type RunNotes } from './changes.ts';
import {
  checkEventCounts,
  checkEventRows,
  checkFlightRows,
  checkFlightVersions,
  Faults,
  Monotone,
} from './check-rows.ts';
import { killPlan } from './kill-plan.ts';
import type { EventRow, FlightRow } from './tables.ts';

// The checks of the crash tests must be able to fail: each case is a table that is wrong in one way.

const sentCount = 300;

/** Of 300 changes sent the first `acknowledged` were acknowledged by both tables. */
function notesOf(acknowledged: number): RunNotes {
  return parseNotes(1, 1, `sent ${sentCount}\nevents 0 ${acknowledged}\nflights 0 ${acknowledged}\n`);
}

function eventsOf(count: number): EventRow[] {
  return Array.from({ length: count }, (_, number) => {
    const { producer, run, flight, version, note } = changeOf({ producer: 1, run: 1, number });
    return { producer, run, number, flight: BigInt(flight), version: BigInt(version), note };
  });
}

function flightsOf(count: number): FlightRow[] {
  const rows = new Map<number, FlightRow>();
  for (let number = 0; number < count; number += 1) {
    const { flight, version, note, isDelete } = changeOf({ producer: 1, run: 1, number });
    if (isDelete) rows.delete(flight);
    else rows.set(flight, { flight: BigInt(flight), version: BigInt(version), note });
  }
  return [...rows.values()];
}

function faultsOfEvents(rows: readonly EventRow[], acknowledged: number): readonly string[] {
  const faults = new Faults();
  checkEventCounts(checkEventRows(rows, faults), [notesOf(acknowledged)], faults);
  return faults.texts;
}

function faultsOfFlights(rows: readonly FlightRow[], acknowledged: number): readonly string[] {
  const faults = new Faults();
  checkFlightVersions(checkFlightRows(rows, faults), [notesOf(acknowledged)], faults);
  return faults.texts;
}

test('events that were acknowledged, with or without those whose fate is unknown, are right', () => {
  for (const count of [200, 240, sentCount]) expect(faultsOfEvents(eventsOf(count), 200)).toEqual([]);
});

test('an event that is lost, doubled, torn, out of the middle or never sent is noticed', () => {
  const rows = eventsOf(200);
  const torn = rows.map((row, index) => (index === 7 ? { ...row, note: rows[8]?.note ?? '' } : row));
  expect(faultsOfEvents(rows.slice(0, 199), 200)).toHaveLength(1);
  expect(faultsOfEvents([...rows, ...rows.slice(5, 6)], 200)).toEqual(['event 1/1/5 is there twice']);
  expect(faultsOfEvents(torn, 200)).toHaveLength(1);
  expect(faultsOfEvents(rows.toSpliced(100, 1), 150)[0]).toContain('up to number 199');
  expect(faultsOfEvents(eventsOf(sentCount + 1), 200)).toEqual([
    `${sentCount + 1} events of run 1/1, ${sentCount} were sent`,
  ]);
});

test('flights as their last acknowledged change left them, or as a later one of unknown fate did, are right', () => {
  for (const count of [200, 240, sentCount]) expect(faultsOfFlights(flightsOf(count), 200)).toEqual([]);
});

test('a flight that went back, vanished, came twice or has parts of two rows is noticed', () => {
  const rows = flightsOf(sentCount);
  const flight = changeOf({ producer: 1, run: 1, number: 3 }).flight;
  const mine = rows.filter(row => Number(row.flight) !== flight);
  const first = rows[0];
  const second = rows[1];
  if (first === undefined || second === undefined) throw new Error('there are flights');
  expect(mine.length).toBe(rows.length - 1);
  expect(faultsOfFlights(mine, sentCount)[0]).toMatch(/is absent, expected/);
  expect(faultsOfFlights([...rows, first], sentCount)).toEqual([`flight ${first.flight} is there twice`]);
  expect(faultsOfFlights([{ ...first, note: second.note }, ...rows.slice(1)], sentCount)[0]).toMatch(/is torn/);
  const older = flightsOf(150).find(row => !rows.some(({ version }) => version === row.version));
  if (older === undefined) throw new Error('some flight changes after 150');
  const wentBack = rows.map(row => (row.flight === older.flight ? older : row));
  expect(faultsOfFlights(wentBack, sentCount)[0]).toMatch(/expected/);
});

test('a read that shows less than the read before it is noticed', () => {
  const line = new Monotone();
  const faults = new Faults();
  line.takeEvents(new Map([['1/1', 10]]), faults);
  line.takeFlights(new Map([[1_000_001, 5]]), faults);
  line.takeEvents(new Map([['1/1', 11]]), faults);
  line.takeFlights(new Map([[1_000_001, 6]]), faults);
  expect(faults.count).toBe(0);
  line.takeEvents(new Map([['1/1', 9]]), faults);
  line.takeFlights(new Map([[1_000_001, 4]]), faults);
  line.takeFlights(new Map(), faults);
  expect(faults.count).toBe(3);
});

test('a note that a kill cut in two counts for nothing', () => {
  expect(parseNotes(1, 1, 'sent 40\nevents 0 40\nflights 0 4').acknowledged.flights.size).toBe(0);
});

test('the kills follow from the seed, and every victim comes up', () => {
  const plan = killPlan(5, 20);
  expect(killPlan(5, 20)).toEqual(plan);
  expect(killPlan(6, 20)).not.toEqual(plan);
  const killed = new Set(plan.flatMap(round => round.kills.flatMap(kill => kill.victims)));
  expect(killed.size).toBe(6);
});
