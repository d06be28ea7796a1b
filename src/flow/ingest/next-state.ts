/**
 * The ingest state that a swap brings in (DESIGN I1, I2, I5). Pure.
 */
import { addCounters, type IngestState, type ShardState, withoutForgotten } from './state.ts';
import type { Prepared, TakeInput } from './take.ts';

export type NextStateInput = Pick<TakeInput, 'shards' | 'retentionMs'> & {
  /** Shards the log still lists: entries of others go, when they are as old as what the log forgets. */
  readonly listedShardIds: ReadonlySet<string>;
};

/** @param taken what is taken in, and the state as of the base */
export function nextState(
  { state, producers, forgotten, counters }: Pick<Prepared, 'state' | 'producers' | 'forgotten' | 'counters'>,
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
  return {
    ...state,
    shards: new Map([...shards].filter(entry => isKept(entry, shards, input))),
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
  shards: ReadonlyMap<string, ShardState>,
  { listedShardIds, retentionMs }: NextStateInput,
): boolean {
  if (listedShardIds.has(shardId)) return true;
  if (retentionMs === undefined) return true;
  const newestMs = [...shards.values()].reduce((ms, shard) => Math.max(ms, shard.arrivalMs), 0);
  return newestMs - arrivalMs <= retentionMs;
}
