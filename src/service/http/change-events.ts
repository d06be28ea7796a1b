/** A subscription as server-sent events: made when they are wanted, so a slow reader slows the subscription. */
import type { Clock } from '../../base/clock.ts';
import { encodeResumePoint } from '../../flow/read/resume-point.ts';
import type { SubscribedBatch } from '../../flow/read/subscribe.ts';
import type { Table } from '../../table/table.ts';
import { canonicalRow } from '../../types/canonical-json.ts';
import { rowKindOf } from '../../types/row-kind.ts';
import type { Failure } from './failures.ts';

export type EventSettings = {
  readonly table: Table;
  readonly columns: readonly string[] | undefined;
  readonly clock: Clock;
  /** After this it ends. */
  readonly durationMs: number;
  /** Ends the subscription. */
  readonly stop: () => void;
  /** Whether nobody reads any more. */
  readonly isAbandoned: () => boolean;
  readonly failed: (error: unknown) => Failure;
};

/** A reader that hears nothing for long takes the line for dead. */
const heartbeatMs = 15_000;
/** How long a failure at the start may take to be answered by a status. */
const startMs = 1_000;
/** Of an event, about. */
const eventLengthMax = 64 * 1024;
const retryMs = 1_000;
const heartbeat = ': \n\n';

type Changes = AsyncGenerator<SubscribedBatch, void, undefined>;
type Next = IteratorResult<SubscribedBatch, void>;

/** @throws what the subscription throws at its start; later it is an event */
export async function* eventPieces(changes: Changes, settings: EventSettings): AsyncGenerator<string, void, undefined> {
  const { clock, table, durationMs, stop, isAbandoned, failed } = settings;
  const endsMs = clock.monotonicMs() + durationMs;
  let next = changes.next();
  try {
    await firstOf(clock, next, startMs);
    const { primaryKeys, fields } = table.schema;
    const columns = settings.columns ?? fields.map(field => field.name);
    yield `retry: ${retryMs}\n${eventOf('begin', undefined, { table: table.label, columns, primaryKey: primaryKeys })}`;
    let reason = 'time';
    try {
      for (;;) {
        const leftMs = endsMs - clock.monotonicMs();
        if (leftMs <= 0) break;
        const result = await firstOf(clock, next, Math.min(heartbeatMs, leftMs));
        if (result === undefined) {
          if (leftMs > heartbeatMs) yield heartbeat;
          continue;
        }
        if (result.done === true) {
          reason = 'done';
          break;
        }
        yield* eventsOfBatch(result.value);
        next = changes.next();
      }
      if (!isAbandoned()) yield eventOf('end', undefined, { reason });
    } catch (error) {
      if (isAbandoned()) return;
      const { code, message } = failed(error);
      yield eventOf('failed', undefined, { code, message });
    }
  } finally {
    stop();
    // What is still awaited ends with it; nobody wants to hear of it.
    await next.catch(() => undefined);
    await changes.return();
  }
}

/** undefined: nothing came in that time. */
async function firstOf(clock: Clock, next: Promise<Next>, waitMs: number): Promise<Next | undefined> {
  const came = new AbortController();
  const slept = clock.sleep(waitMs, came.signal).then(
    () => undefined,
    () => undefined,
  );
  try {
    return await Promise.race([next, slept]);
  } finally {
    came.abort();
    await slept;
  }
}

/** Events of about so many characters; the last has the id of the place behind the batch. */
function* eventsOfBatch(batch: SubscribedBatch): Generator<string, void, undefined> {
  const { rows, kinds, phase, snapshotId, resume } = batch;
  const id = resume === undefined ? undefined : encodeResumePoint(resume);
  const head = `{"phase":"${phase}","snapshot":${snapshotId ?? null},"changes":[`;
  const row = canonicalRow(rows);
  let text = '';
  for (let index = 0; index < rows.rowCount; index += 1) {
    text += `${text === '' ? '' : ','}{"op":"${rowKindOf(kinds[index] ?? 0)}","row":${row(index)}}`;
    const isLast = index === rows.rowCount - 1;
    if (text.length < eventLengthMax && !isLast) continue;
    yield eventText('changes', isLast ? id : undefined, `${head}${text}]}`);
    text = '';
  }
  if (rows.rowCount === 0 && id !== undefined) yield eventOf('position', id, {});
}

function eventOf(name: string, id: string | undefined, data: object): string {
  return eventText(name, id, JSON.stringify(data));
}

/** @param data JSON, in which no line ends */
function eventText(name: string, id: string | undefined, data: string): string {
  return `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`;
}
