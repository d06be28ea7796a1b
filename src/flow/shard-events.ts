/**
 * How far event time has come in each shard of a log, and what follows for the table: the least of them, less the delay that rows
 * are given (RFC 0025). Pure.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import type { WatermarkDefinition } from '../format/watermark-options.ts';
import { eventTimes, latestEventMs } from '../types/event-times.ts';
import type { RowBatch } from '../types/row-batch.ts';

export type ShardEvents = {
  /** The latest event time of the rows that were taken; undefined: none had one. */
  readonly eventMs: number | undefined;
  /** When the log took the newest record that had rows; of a shard without, the newest record of all when it was first seen. */
  readonly seenMs: number;
};

export type EventsByShard = ReadonlyMap<string, ShardEvents>;

/** What a batch of records says of event time. */
export type EventsTaken = {
  readonly seen: EventsByShard;
  /** Shards that rows may still come from, as far as the log was known when they were taken. */
  readonly openShardIds: readonly string[];
  /** Shards that others have taken the place of. */
  readonly overShardIds: readonly string[];
};

/** Gathers what rows say, by their shard. */
export class SeenEvents {
  readonly #column: string;
  readonly #byShard = new Map<string, ShardEvents>();

  constructor({ column }: Pick<WatermarkDefinition, 'column'>) {
    this.#column = column;
  }

  get byShard(): EventsByShard {
    return this.#byShard;
  }

  see(shardId: string, arrivalMs: number, rows: RowBatch): void {
    const seen = { eventMs: latestEventMs(eventTimes(rows, this.#column)), seenMs: arrivalMs };
    this.#byShard.set(shardId, together(this.#byShard.get(shardId), seen));
  }
}

function together(a: ShardEvents | undefined, b: ShardEvents): ShardEvents {
  if (a === undefined) return b;
  const eventMs = a.eventMs === undefined || (b.eventMs !== undefined && b.eventMs > a.eventMs) ? b.eventMs : a.eventMs;
  return { eventMs, seenMs: Math.max(a.seenMs, b.seenMs) };
}

/**
 * @param shards what is recorded of the shards, this batch included: one that is recorded and goes on is kept though the sender
 * of the batch did not know it
 * @param newestMs when the newest record came that was looked at
 */
export function eventsAfter(
  before: EventsByShard,
  { seen, openShardIds, overShardIds }: EventsTaken,
  shards: ReadonlyMap<string, { readonly ended: boolean }>,
  newestMs: number,
): EventsByShard {
  const going = [...before.keys()].filter(
    shardId => shards.get(shardId)?.ended === false && !overShardIds.includes(shardId),
  );
  return new Map(
    [...new Set([...openShardIds, ...going])].map(shardId => {
      const known = before.get(shardId);
      const now = seen.get(shardId);
      if (now !== undefined) return [shardId, together(known, now)];
      return [shardId, known ?? { eventMs: undefined, seenMs: newestMs }];
    }),
  );
}

export type ShardTime = { readonly eventMs: number | undefined; readonly isIdle: boolean };

/**
 * The least of the shards that are not idle, less the delay; where all are, the greatest, as none is waited for (Flink's
 * StatusWatermarkValve has it so).
 *
 * @returns undefined: there is none yet, as of some shard that is not idle nothing is known
 */
export function watermarkOf(shards: readonly ShardTime[], { delayMs }: WatermarkDefinition): number | undefined {
  const active = shards.filter(({ isIdle }) => !isIdle);
  const times = (active.length === 0 ? shards : active).map(({ eventMs }) => eventMs);
  const known = times.filter(ms => ms !== undefined);
  if (known.length === 0) return undefined;
  if (active.length === 0) return known.reduce((a, b) => Math.max(a, b)) - delayMs;
  return known.length < times.length ? undefined : known.reduce((a, b) => Math.min(a, b)) - delayMs;
}

/** The same of what a snapshot's state says. @param newestMs when the newest record came that was taken */
export function watermarkOfEvents(
  events: EventsByShard,
  definition: WatermarkDefinition,
  newestMs: number,
): number | undefined {
  const { idleTimeoutMs = Number.POSITIVE_INFINITY } = definition;
  const times = [...events.values()].map(({ eventMs, seenMs }) => ({
    eventMs,
    isIdle: newestMs - seenMs > idleTimeoutMs,
  }));
  return watermarkOf(times, definition);
}

export function eventsToJson(events: EventsByShard): JsonObject {
  return Object.fromEntries([...events].map(([id, { eventMs, seenMs }]) => [id, [eventMs ?? null, seenMs]]));
}

/** @returns undefined: it is not what `eventsToJson` gave */
export function eventsOfJson(json: JsonValue | undefined): EventsByShard | undefined {
  if (!isJsonObject(json)) return undefined;
  const events = new Map<string, ShardEvents>();
  for (const [shardId, value] of Object.entries(json)) {
    const [eventMs, seenMs] = Array.isArray(value) && value.length === 2 ? value : [];
    const isTime = eventMs === null || Number.isSafeInteger(eventMs);
    if (!isTime || typeof seenMs !== 'number' || !Number.isSafeInteger(seenMs) || seenMs < 0) return undefined;
    events.set(shardId, { eventMs: eventMs === null ? undefined : Number(eventMs), seenMs });
  }
  return events;
}
