/** A clock whose time is a scheduler's, for what waits for minutes and hours. */
import type { Clock } from '../src/base/clock.ts';
import type { Scheduler } from './simulation/scheduler.ts';

export function virtualClock(scheduler: Scheduler): Clock {
  return {
    nowMs: () => scheduler.nowMs,
    monotonicMs: () => scheduler.nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason);
        scheduler.after(Math.max(0, ms), resolve);
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      }),
  };
}

/** Lets time run until it has ended. */
export async function runUntil<T>(scheduler: Scheduler, playing: Promise<T>): Promise<T> {
  let isDone = false;
  const ended = playing.finally(() => {
    isDone = true;
  });
  await scheduler.run(() => isDone, Number.POSITIVE_INFINITY);
  return await ended;
}
