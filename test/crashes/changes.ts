/**
 * The workload of the crash tests, as a function of numbers: what a producer sends is known to whoever knows the producer,
 * its run and the number of the change. So what the tables must hold follows from a producer's own notes of what it sent and
 * what was acknowledged, and nothing else.
 */
import { seedOf } from '../simulation/chance.ts';

/** Flights of one producer; nobody else changes them. */
export const flightsPerProducer = 2_000;
/** Only these are ever deleted: any other flight that was there once stays. */
const deletableEvery = 10;
const versionsPerRun = 1_000_000;
const flightsBetweenProducers = 1_000_000;
const noteBytesMax = 80;

export type ChangeId = { readonly producer: number; readonly run: number; readonly number: number };

export type Change = ChangeId & {
  readonly flight: number;
  /** Grows with every change of a producer, over all its runs. */
  readonly version: number;
  readonly isDelete: boolean;
  /** Follows from the rest: a row of which a part is another's shows. */
  readonly note: string;
};

export function changeOf({ producer, run, number }: ChangeId): Change {
  const chance = seedOf(producer * 7_919 + run, String(number));
  const flight = producer * flightsBetweenProducers + (chance % flightsPerProducer);
  const version = run * versionsPerRun + number;
  const isDelete = isDeletable(flight) && (chance >>> 16) % 3 === 0;
  return { producer, run, number, flight, version, isDelete, note: noteOf(flight, version) };
}

export function noteOf(flight: number, version: number): string {
  const word = `${flight}:${version}:`;
  return word.repeat(Math.ceil((10 + ((flight + version) % noteBytesMax)) / word.length));
}

export function isDeletable(flight: number): boolean {
  return flight % deletableEvery === 0;
}

export function producerOf(flight: number): number {
  return Math.floor(flight / flightsBetweenProducers);
}

/** The change that made a version. */
export function idOfVersion(producer: number, version: number): ChangeId {
  return { producer, run: Math.floor(version / versionsPerRun), number: version % versionsPerRun };
}

/** What one run of a producer wrote down: `[from, to)` of the changes it sent, and of those acknowledged by each table. */
export type RunNotes = {
  readonly producer: number;
  readonly run: number;
  /** Changes 0 to this, without it, may be in the tables. */
  readonly sentCount: number;
  /** By table: numbers that must be there. */
  readonly acknowledged: Readonly<Record<NotedTable, ReadonlySet<number>>>;
};
export type NotedTable = 'events' | 'flights';

/** Lines of a producer's notes: `sent TO`, `events FROM TO`, `flights FROM TO`. The last line may be torn by a kill. */
export function parseNotes(producer: number, run: number, text: string): RunNotes {
  const acknowledged = { events: new Set<number>(), flights: new Set<number>() };
  let sentCount = 0;
  for (const line of text.split('\n').slice(0, -1)) {
    const [kind, first, second] = line.split(' ');
    if (kind === 'sent') sentCount = Number(first);
    else if (kind === 'events' || kind === 'flights') {
      for (let number = Number(first); number < Number(second); number += 1) acknowledged[kind].add(number);
    } else throw new Error(`notes of producer ${producer}, run ${run}: ${JSON.stringify(line)}`);
  }
  return { producer, run, sentCount, acknowledged };
}
