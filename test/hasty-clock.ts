/** A clock on which time for waiting passes quickly, for tests of what polls. */
import { type Clock, systemClock } from '../src/base/clock.ts';

export function hastyClock(times: number): Clock {
  return {
    nowMs: () => systemClock.nowMs(),
    monotonicMs: () => systemClock.monotonicMs() * times,
    sleep: (ms, signal) => systemClock.sleep(ms / times, signal),
  };
}
