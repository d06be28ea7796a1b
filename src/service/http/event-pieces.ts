/**
 * What comes from somewhere as server-sent events: made when they are wanted, so a slow reader slows the source. Comments keep
 * the line alive, and the end says why it came.
 */
import type { Clock } from '../../base/clock.ts';
import { LakeError } from '../../base/errors.ts';
import { firstOf } from '../watch/first-of.ts';
import type { Failure } from './failures.ts';

export type EventSource<T> = {
  /** What the first event says. */
  readonly begin: object;
  readonly items: AsyncGenerator<T, void, undefined>;
  readonly eventsOf: (item: T) => Iterable<string>;
};

export type EventSettings = {
  readonly clock: Clock;
  /** After this it ends. */
  readonly durationMs: number;
  /** Aborts when there is no more time. */
  readonly signal: AbortSignal;
  /** Ends the source. */
  readonly stop: () => void;
  /** Whether nobody reads any more. */
  readonly isAbandoned: () => boolean;
  readonly failed: (error: unknown) => Failure;
};

/** Of server-sent events. */
export const eventStreamType = 'text/event-stream';
/** Of an event, about. */
export const eventLengthMax: number = 64 * 1024;
/** A reader that hears nothing for long takes the line for dead. */
const heartbeatMs = 15_000;
/** How long a failure at the start may take to be answered by a status. */
const startMs = 1_000;
const retryMs = 1_000;
const heartbeat = ': \n\n';

/** @throws what the source throws at its start; later it is an event */
export async function* eventPieces<T>(
  { begin, items, eventsOf }: EventSource<T>,
  { clock, durationMs, signal, stop, isAbandoned, failed }: EventSettings,
): AsyncGenerator<string, void, undefined> {
  const endsMs = clock.monotonicMs() + durationMs;
  let next = items.next();
  try {
    await firstOf(clock, next, startMs);
    yield `retry: ${retryMs}\n${eventOf('begin', undefined, begin)}`;
    let isDone = false;
    try {
      while (!isDone) {
        const leftMs = endsMs - clock.monotonicMs();
        if (leftMs <= 0) break;
        const result = await firstOf(clock, next, Math.min(heartbeatMs, leftMs));
        if (result === undefined) {
          if (leftMs > heartbeatMs) yield heartbeat;
          continue;
        }
        if (result.done === true) {
          isDone = true;
          continue;
        }
        yield* eventsOf(result.value);
        next = items.next();
      }
      const reason = isDone && !signal.aborted ? 'done' : 'time';
      if (!isAbandoned()) yield eventOf('end', undefined, { reason });
    } catch (error) {
      if (!isAbandoned()) yield failedEvent(failed(error));
    }
  } finally {
    stop();
    // What is still awaited ends with it; nobody wants to hear of it.
    await next.catch(() => undefined);
    await items.return();
  }
}

/**
 * Ends pieces that are not taken: what is held to make them is let go at once, and who comes for the next hears why there
 * is none.
 */
export async function* takenInTime(
  pieces: AsyncGenerator<string, void, undefined>,
  { clock, waitMs, failed }: Pick<EventSettings, 'clock' | 'failed'> & { readonly waitMs: number },
): AsyncGenerator<string, void, undefined> {
  for await (const piece of pieces) {
    const taken = new AbortController();
    const ended = clock.sleep(waitMs, taken.signal).then(
      async () => (await pieces.return()).done,
      () => false,
    );
    try {
      yield piece;
    } finally {
      taken.abort();
    }
    if ((await ended) !== true) continue;
    const message = `what was sent was not taken within ${waitMs / 1_000} seconds; go on with the last id`;
    yield failedEvent(failed(new LakeError('unavailable', 'LAKE_READER_TOO_SLOW', message)));
    return;
  }
}

export function eventOf(name: string, id: string | undefined, data: object): string {
  return eventText(name, id, JSON.stringify(data));
}

/** @param data JSON, in which no line ends */
export function eventText(name: string, id: string | undefined, data: string): string {
  return `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`;
}

function failedEvent({ code, message }: Failure): string {
  return eventOf('failed', undefined, { code, message });
}
