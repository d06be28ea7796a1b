/** Holds rows against what the producers noted. Plain code that knows nothing of the product. */
import { changeOf, idOfVersion, isDeletable, noteOf, producerOf, type RunNotes } from './changes.ts';
import type { EventRow, FlightRow } from './tables.ts';

const faultsShownMax = 20;

/** Gathers what is wrong, the first of it in words. */
export class Faults {
  readonly #texts: string[] = [];
  #count = 0;

  add(text: string): void {
    this.#count += 1;
    if (this.#texts.length < faultsShownMax) this.#texts.push(text);
  }

  get count(): number {
    return this.#count;
  }

  get texts(): readonly string[] {
    return this.#texts;
  }
}

/**
 * Events of a run are numbers from 0 without a hole, each once: all rows of a run go through one lane of the log in order,
 * and what is visible of it is a prefix. Returns how many there are of each run.
 */
export function checkEventRows(rows: readonly EventRow[], faults: Faults): ReadonlyMap<string, number> {
  const numbersOf = new Map<string, Set<number>>();
  for (const row of rows) {
    const { producer, run, number, flight, version, note } = row;
    const change = changeOf({ producer, run, number });
    const name = `event ${producer}/${run}/${number}`;
    if (Number(flight) !== change.flight || Number(version) !== change.version || note !== change.note) {
      faults.add(`${name} is torn: ${JSON.stringify({ flight: String(flight), version: String(version), note })}`);
    }
    const key = `${producer}/${run}`;
    const numbers = numbersOf.get(key) ?? new Set<number>();
    numbersOf.set(key, numbers);
    if (numbers.has(number)) faults.add(`${name} is there twice`);
    numbers.add(number);
  }
  const counts = new Map<string, number>();
  for (const [key, numbers] of numbersOf) {
    const count = numbers.size;
    const highest = numbers.values().reduce((max, number) => Math.max(max, number), -1);
    if (highest + 1 !== count) faults.add(`events of run ${key}: ${count} rows up to number ${highest}`);
    counts.set(key, count);
  }
  return counts;
}

/** Every acknowledged event is there and nothing that was never sent. */
export function checkEventCounts(
  counts: ReadonlyMap<string, number>,
  notes: readonly RunNotes[],
  faults: Faults,
): void {
  const sent = new Map(notes.map(run => [`${run.producer}/${run.run}`, run.sentCount]));
  for (const run of notes) checkRunAcknowledged(run, counts, faults);
  for (const [key, count] of counts) {
    if (count > (sent.get(key) ?? 0)) faults.add(`${count} events of run ${key}, ${sent.get(key) ?? 0} were sent`);
  }
}

/** Only that what had been acknowledged when the notes were read is there. */
export function checkRunAcknowledged(run: RunNotes, counts: ReadonlyMap<string, number>, faults: Faults): void {
  const key = `${run.producer}/${run.run}`;
  const count = counts.get(key) ?? 0;
  const highest = run.acknowledged.events.values().reduce((max, number) => Math.max(max, number), -1);
  if (highest >= count) faults.add(`event ${key}/${highest} was acknowledged, only ${count} of its run are there`);
}

/** Each row is one that some change made, and a flight has one row. Returns the version of each flight. */
export function checkFlightRows(rows: readonly FlightRow[], faults: Faults): ReadonlyMap<number, number> {
  const versions = new Map<number, number>();
  for (const row of rows) {
    const [flight, version] = [Number(row.flight), Number(row.version)];
    const change = changeOf(idOfVersion(producerOf(flight), version));
    if (change.flight !== flight || change.isDelete || row.note !== noteOf(flight, version)) {
      faults.add(`flight ${flight} is torn: version ${version}, ${JSON.stringify(row.note)}`);
    }
    if (versions.has(flight)) faults.add(`flight ${flight} is there twice`);
    versions.set(flight, version);
  }
  return versions;
}

/**
 * What may be seen of each flight, given what was sent and acknowledged: its last acknowledged change, or one after that
 * whose fate is unknown.
 */
export function checkFlightVersions(
  versions: ReadonlyMap<number, number>,
  notes: readonly RunNotes[],
  faults: Faults,
): void {
  const allowed = allowedVersions(notes);
  for (const flight of versions.keys()) {
    if (!allowed.has(flight)) faults.add(`flight ${flight} is there, no change of it was sent`);
  }
  for (const [flight, states] of allowed) {
    const found = versions.get(flight);
    if (!states.has(found)) {
      const expected = [...states].map(version => version ?? 'absent').join(' or ');
      faults.add(`flight ${flight} is ${found ?? 'absent'}, expected ${expected}`);
    }
  }
}

/** By flight; undefined stands for absent. */
function allowedVersions(notes: readonly RunNotes[]): ReadonlyMap<number, ReadonlySet<number | undefined>> {
  const allowed = new Map<number, Set<number | undefined>>();
  for (const { producer, run, sentCount, acknowledged } of notes) {
    for (let number = 0; number < sentCount; number += 1) {
      const change = changeOf({ producer, run, number });
      const states = allowed.get(change.flight) ?? new Set([undefined]);
      if (acknowledged.flights.has(number)) states.clear();
      states.add(change.isDelete ? undefined : change.version);
      allowed.set(change.flight, states);
    }
  }
  return allowed;
}

/** Watches one line of reads, each made after the one before: what was seen never goes back. */
export class Monotone {
  #counts: ReadonlyMap<string, number> = new Map();
  #versions: ReadonlyMap<number, number> = new Map();

  takeEvents(counts: ReadonlyMap<string, number>, faults: Faults): void {
    for (const [key, before] of this.#counts) {
      const now = counts.get(key) ?? 0;
      if (now < before) faults.add(`events of run ${key}: ${before} were there, now ${now}`);
    }
    this.#counts = counts;
  }

  takeFlights(versions: ReadonlyMap<number, number>, faults: Faults): void {
    for (const [flight, before] of this.#versions) {
      const now = versions.get(flight);
      if (now === undefined ? !isDeletable(flight) : now < before) {
        faults.add(`flight ${flight}: version ${before} was there, now ${now ?? 'none'}`);
      }
    }
    // What was deleted may come back, but never as it was before.
    this.#versions = new Map([...this.#versions, ...versions]);
  }
}
