/** A task that goes on until it is told to stop; what fails is told and tried again after a growing wait. */

import { isLakeError } from '../base/errors.ts';
import { backoffMs } from '../base/retry.ts';
import type { LakeParts } from './lake-parts.ts';
import type { WorkerListener, WorkerTask } from './worker-events.ts';

const backoff = { delayMsMin: 500, delayMsMax: 30_000 };

export type LoopContext = {
  readonly parts: LakeParts;
  readonly signal: AbortSignal;
  readonly emit: WorkerListener;
};

/**
 * Repeats `step` until the signal aborts.
 *
 * @param step one round, waiting included; a round that ends well resets the wait
 */
export async function runLoop(
  { parts, signal, emit }: LoopContext,
  task: WorkerTask,
  step: () => Promise<void>,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      await step();
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      emit(failedEvent(task, undefined, error));
      await parts.clock
        .sleep(backoff.delayMsMin + backoffMs(failures, parts.random, backoff), signal)
        .catch(() => undefined);
      failures += 1;
    }
  }
}

/** Of a look that found nothing: twice as late, up to `msMax`, or as it was where it is set above that. */
export function laterInterval(intervalMs: number, msMax: number): number {
  return Math.max(intervalMs, Math.min(intervalMs * 2, msMax));
}

export function failedEvent(
  task: WorkerTask,
  table: string | undefined,
  error: unknown,
): Parameters<WorkerListener>[0] {
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'failed', task, table, code: isLakeError(error) ? error.code : 'LAKE_INTERNAL', message, error };
}
