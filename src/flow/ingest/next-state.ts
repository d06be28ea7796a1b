/**
 * The ingest state that a swap brings in (DESIGN I1, I2, I5). Pure.
 */
import type { TableSchema } from '../../format/table-schema.ts';
import { watermarkDefinition } from '../../format/watermark-options.ts';
import { type EventsByShard, eventsAfter, watermarkOfEvents } from '../shard-events.ts';
import { addCounters, type IngestState, newestArrivalMs, type ShardState, withoutForgotten } from './state.ts';
import type { Prepared, TakeInput } from './take.ts';

/** Entries of shards that are listed no more go, when they are as old as what the log forgets. */
export type NextStateInput = Pick<TakeInput, 'shards' | 'retentionMs' | 'listed'>;

/** How far event time has come, as a snapshot has it; undefined: nothing tells. */
export function watermarkOfState(state: IngestState, { options }: Pick<TableSchema, 'options'>): bigint | undefined {
  const definition = watermarkDefinition(options);
  const ms = definition && watermarkOfEvents(state.events, definition, newestArrivalMs(state));
  return ms === undefined ? undefined : BigInt(ms);
}

/** @param taken what is taken in, and the state as of the base */
export function nextState(
  {
    state,
    producers,
    forgotten,
    counters,
    events,
  }: Pick<Prepared, 'state' | 'producers' | 'forgotten' | 'counters' | 'events'>,
  input: NextStateInput,
  deadLetters: string | undefined,
): IngestState {
  const shards = new Map<string, ShardState>(state.shards);
  for (const { shardId, through, ended } of input.shards) {
    const before = shards.get(shardId);
    const position = through?.position ?? before?.position;
    // A shard that ended without a record of anybody still has to be known as ended before its children (I5).
    if (position === undefined && !ended) continue;
    const arrivalMs = through?.arrivalMs ?? before?.arrivalMs ?? 0;
    shards.set(shardId, { position: position ?? -1n, row: 0, arrivalMs, ended: ended || (before?.ended ?? false) });
  }
  const newestMs = newestArrivalMs({ shards });
  const listed = new Set(input.listed.map(({ shardId }) => shardId));
  return {
    ...state,
    shards: new Map([...shards].filter(entry => isKept(entry, { listed, newestMs, retentionMs: input.retentionMs }))),
    events: events === undefined ? noEvents : eventsAfter(state.events, events, shards, newestMs),
    producers: withoutForgotten(new Map([...state.producers, ...producers]), forgotten),
    counters: addCounters(state.counters, counters),
    deadLetters,
  };
}

/**
 * I1: an entry goes only when the log lists its shard no more. A list may be older than a shard somebody else has begun
 * with, or even ended, so the entry must be as old as what the log forgets, too. A log that forgets nothing lists its
 * shards for ever.
 */
function isKept(
  [shardId, { arrivalMs }]: readonly [string, ShardState],
  {
    listed,
    newestMs,
    retentionMs,
  }: { readonly listed: ReadonlySet<string>; readonly newestMs: number; readonly retentionMs: number | undefined },
): boolean {
  return listed.has(shardId) || retentionMs === undefined || newestMs - arrivalMs <= retentionMs;
}

const noEvents: EventsByShard = new Map();
