/**
 * How far event time has come for who reads the log: the least of the shards that rows may still come from, less the delay that
 * rows are given. A shard that was at its tip and gave nothing for the table's idle timeout does not hold it up (RFC 0025).
 */
import type { Clock } from '../../base/clock.ts';
import { type WatermarkDefinition, watermarkDefinition } from '../../format/watermark-options.ts';
import type { Table } from '../../table/table.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import type { IngestState } from '../ingest/state.ts';
import { type EventsByShard, SeenEvents, watermarkOf } from '../shard-events.ts';

export class LogWatermark {
  readonly #definition: WatermarkDefinition;
  /** As of the snapshot that reading began at. */
  readonly #before: EventsByShard;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #seen: SeenEvents;
  /** By shard, since when it has been at its tip without giving anything. */
  readonly #quietSinceMs = new Map<string, number>();

  constructor(definition: WatermarkDefinition, before: EventsByShard, clock: Pick<Clock, 'monotonicMs'>) {
    this.#definition = definition;
    this.#before = before;
    this.#clock = clock;
    this.#seen = new SeenEvents(definition);
  }

  saw(shardId: string, arrivalMs: number, rows: RowBatch): void {
    this.#seen.see(shardId, arrivalMs, rows);
  }

  /** After each answer of a shard. @param hasRecords of the table */
  looked(shardId: string, { hasRecords, atTip }: { readonly hasRecords: boolean; readonly atTip: boolean }): void {
    if (hasRecords || !atTip) this.#quietSinceMs.delete(shardId);
    if (atTip && !this.#quietSinceMs.has(shardId)) this.#quietSinceMs.set(shardId, this.#clock.monotonicMs());
  }

  /** @returns undefined: of some shard that is not idle nothing is known yet */
  of(openShardIds: readonly string[]): number | undefined {
    const { idleTimeoutMs = Number.POSITIVE_INFINITY } = this.#definition;
    const nowMs = this.#clock.monotonicMs();
    const times = openShardIds.map(shardId => {
      const isIdle = nowMs - (this.#quietSinceMs.get(shardId) ?? nowMs) > idleTimeoutMs;
      return { eventMs: this.#eventMs(shardId), isIdle };
    });
    return watermarkOf(times, this.#definition);
  }

  #eventMs(shardId: string): number | undefined {
    const known = [this.#before, this.#seen.byShard].flatMap(events => events.get(shardId)?.eventMs ?? []);
    return known.length === 0 ? undefined : Math.max(...known);
  }
}

/** @param from the state of the snapshot that reading begins at, and which log is read. @returns undefined: the table has none */
export function logWatermark(
  { schema }: Table,
  { state, incarnation }: { readonly state: IngestState | undefined; readonly incarnation: string },
  clock: Pick<Clock, 'monotonicMs'>,
): LogWatermark | undefined {
  const definition = watermarkDefinition(schema.options);
  const before: EventsByShard = state?.incarnation === incarnation ? state.events : new Map();
  return definition && new LogWatermark(definition, before, clock);
}
