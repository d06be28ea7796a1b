/**
 * What comes from somewhere as server-sent events: made when they are wanted, so a slow reader slows the source. Comments keep
 * the line alive, and the end says why it came.
 */
import * as z from 'zod';
import type { Clock } from '../../base/clock.ts';
import { LakeError } from '../../base/errors.ts';
import { firstOf } from '../watch/first-of.ts';
import type { Failure } from './failures.ts';
import type { Answer, Call, RouteParts } from './route.ts';

export type EventSource<T> = {
  /** What the first event says. */
  readonly begin: object;
  readonly items: AsyncGenerator<T, void, undefined>;
  readonly eventsOf: (item: T) => Iterable<string>;
};

type EventSettings = {
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

/** AWS Lambda runs no longer. */
const secondsMax = 900;
/** A reader that takes nothing for so long is taken to be gone: something may be held for it. */
const readerWaitMs = 60_000;

export const secondsQuery: z.ZodDefault<z.ZodCoercedNumber> = z.coerce
  .number()
  .int()
  .min(1)
  .max(secondsMax)
  .default(secondsMax)
  .describe('Ends after so long at the latest');

export const lastEventHeader = {
  name: 'last-event-id',
  description: 'The id of the last event that came, as browsers send it',
} as const;

/** Where the request goes on. */
export function resumeOf({ headers }: Request, wanted: { readonly resume?: string | undefined }): string | undefined {
  const token = headers.get(lastEventHeader.name) ?? wanted.resume;
  return token === '' ? undefined : token;
}

/** @param open the source, which ends with the signal */
export async function eventAnswer<P extends RouteParts, T>(
  { parts: { clock }, signal, isAbandoned, failed }: Call<P>,
  seconds: number,
  open: (signal: AbortSignal) => EventSource<T> | Promise<EventSource<T>>,
): Promise<Answer> {
  const ends = new AbortController();
  const source = await open(AbortSignal.any([signal, ends.signal]));
  const settings = { clock, durationMs: seconds * 1_000, signal, stop: () => ends.abort(), isAbandoned, failed };
  const pieces = takenInTime(eventPieces(source, settings), { clock, failed, waitMs: readerWaitMs });
  return { kind: 'stream', contentType: eventStreamType, pieces };
}

/** @throws what the source throws at its start; later it is an event */
async function* eventPieces<T>(
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
async function* takenInTime(
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
