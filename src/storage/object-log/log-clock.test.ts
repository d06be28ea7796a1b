import { expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { LogClock } from './log-clock.ts';

test('an answer that took long does not set the clock back', () => {
  let nowMs = 1_000_000;
  const logClock = new LogClock({ ...systemClock, nowMs: () => nowMs });
  expect(logClock.latestMs()).toBe(Number.POSITIVE_INFINITY);
  logClock.learn(1_500_000, logClock.ownMs());
  const askedMs = logClock.ownMs();
  nowMs += 90_000;
  logClock.learn(1_500_000, askedMs);
  expect(logClock.nowMs()).toBe(1_590_000);
  expect(logClock.latestMs()).toBe(1_591_000);
  // Our own clock was put forward.
  nowMs += 90_000;
  logClock.learn(1_590_000, logClock.ownMs());
  expect(logClock.nowMs()).toBe(1_590_000);
});
