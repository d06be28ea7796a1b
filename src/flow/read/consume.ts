/**
 * A subscription under a name, which the table remembers (Paimon's `consumer-id`): the next one under it goes on where this
 * one stood, and meanwhile what it needs does not expire (DESIGN D6, R2).
 *
 * A place is kept when its changes have been taken and more are asked for, every ten seconds at most and at the end. So after a
 * crash some changes come again, and none is missed.
 */
import { isLakeError } from '../../base/errors.ts';
import { durationOption } from '../../format/option-values.ts';
import { type ConsumerFile, type ConsumerPlace, openConsumer } from '../../table/consumer-file.ts';
import type { Table } from '../../table/table.ts';
import type { SubscribeFrom } from './history-range.ts';
import {
  decodeResumePoint,
  encodeResumePoint,
  placeLengthMax,
  type ResumePoint,
  snapshotBelow,
} from './resume-point.ts';
import { type SubscribeParts, type SubscribeRequest, subscribe } from './subscribe.ts';
import type { SubscribedBatch } from './subscribed-batch.ts';

export type ConsumeRequest = SubscribeRequest & {
  /** `from` is where it begins when the table has no place of it yet. undefined: nothing is remembered. */
  readonly consumerId?: string | undefined;
};

const saveEveryMs = 10_000;
/** A consumer that stands still says so in time before it would expire. */
const savesBeforeExpiry = 3;

/**
 * @throws LakeError what `subscribe` throws; `fenced` LAKE_CONSUMER_TAKEN when another reader has taken the name; `corrupt`
 * LAKE_CORRUPT_CONSUMER; `invalid` LAKE_BAD_NAME
 */
export async function* consume(
  parts: SubscribeParts,
  table: Table,
  { consumerId, ...request }: ConsumeRequest,
  signal: AbortSignal,
): AsyncGenerator<SubscribedBatch, void, undefined> {
  if (consumerId === undefined) {
    yield* subscribe(parts, table, request, signal);
    return;
  }
  const file = await openConsumer(table, consumerId);
  const places = new KeptPlaces(table, file, parts);
  const from = startOf(file) ?? request.from;
  let isFailed = false;
  try {
    for await (const batch of subscribe(parts, table, { ...request, from }, signal)) {
      yield batch;
      if (batch.resume !== undefined) await places.reached(batch.resume);
    }
  } catch (error) {
    isFailed = true;
    throw error;
  } finally {
    // What made it fail is what the reader is to hear.
    const saved = places.save();
    await (isFailed ? saved.catch(() => undefined) : saved);
  }
}

function startOf({ stored }: ConsumerFile): SubscribeFrom | undefined {
  if (stored === undefined) return undefined;
  const point = pointOfPlace(stored);
  return point === undefined
    ? { kind: 'after', of: { snapshotId: stored.nextSnapshot - 1 } }
    : { kind: 'resume', point };
}

/** @returns undefined: right before the next snapshot. @throws LakeError `invalid` LAKE_BAD_RESUME */
export function pointOfPlace({ place }: ConsumerPlace): ResumePoint | undefined {
  return place === undefined ? undefined : decodeResumePoint(place, placeLengthMax);
}

class KeptPlaces {
  readonly #table: Table;
  readonly #file: ConsumerFile;
  readonly #parts: Pick<SubscribeParts, 'clock'>;
  #reached: ResumePoint | undefined;
  #savedMs: number | undefined;

  constructor(table: Table, file: ConsumerFile, parts: Pick<SubscribeParts, 'clock'>) {
    this.#table = table;
    this.#file = file;
    this.#parts = parts;
  }

  /** All changes up to the point have been taken. */
  async reached(point: ResumePoint): Promise<void> {
    this.#reached = point;
    const sinceMs = this.#parts.clock.monotonicMs() - (this.#savedMs ?? Number.NEGATIVE_INFINITY);
    // The first is what holds the table's snapshots.
    if (sinceMs >= saveEveryMs) await this.save();
  }

  async save(): Promise<void> {
    const point = this.#reached;
    if (point === undefined) return;
    this.#reached = undefined;
    const next = await this.#placeOf(point).catch(async error => {
      // Whoever has the name now holds other snapshots, so those of this place may be gone.
      if (isLakeError(error, 'LAKE_RESUME_EXPIRED')) await this.#file.check();
      throw error;
    });
    const { stored } = this.#file;
    const isSame = stored?.place === next.place && stored?.nextSnapshot === next.nextSnapshot;
    const nowMs = this.#parts.clock.monotonicMs();
    if (isSame && this.#savedMs !== undefined && nowMs - this.#savedMs < this.#restMs()) return;
    await this.#file.save(next);
    this.#savedMs = nowMs;
  }

  /** In the log, reading goes on from the newest snapshot below the place, so that one is held. */
  async #placeOf(point: ResumePoint): Promise<{ readonly nextSnapshot: number; readonly place: string | undefined }> {
    if (point.log === undefined) {
      return { nextSnapshot: point.snapshotId + 1, place: encodeResumePoint(point, placeLengthMax) };
    }
    const snapshotId = (await snapshotBelow(this.#table, point, point.log))?.id ?? 0;
    const place = encodeResumePoint({ ...point, snapshotId }, placeLengthMax);
    return { nextSnapshot: Math.max(snapshotId, 1), place };
  }

  #restMs(): number {
    const expiresMs = durationOption(this.#table.schema.options, 'consumer.expiration-time');
    return expiresMs === undefined ? Number.POSITIVE_INFINITY : expiresMs / savesBeforeExpiry;
  }
}
