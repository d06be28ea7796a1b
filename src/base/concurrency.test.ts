import { expect, test } from 'vitest';
import { mapBounded, once, Semaphore } from './concurrency.ts';

test('mapBounded keeps the order and never runs more than its bound', async () => {
  let running = 0;
  let peak = 0;
  const out = await mapBounded([5, 4, 3, 2, 1], 2, async n => {
    running += 1;
    peak = Math.max(peak, running);
    await new Promise(resolve => setImmediate(resolve));
    running -= 1;
    return n * 10;
  });
  expect(out).toEqual([50, 40, 30, 20, 10]);
  expect(peak).toBe(2);
});

test('mapBounded begins nothing more after a failure and throws it', async () => {
  const begun: number[] = [];
  const run = mapBounded([1, 2, 3, 4], 1, async n => {
    begun.push(n);
    if (n === 2) throw new Error('two');
  });
  await expect(run).rejects.toThrow('two');
  expect(begun).toEqual([1, 2]);
});

test('a semaphore passes its permit on after a failure', async () => {
  const semaphore = new Semaphore(1);
  await expect(semaphore.use(() => Promise.reject(new Error('x')))).rejects.toThrow('x');
  expect(await semaphore.use(async () => 7)).toBe(7);
});

test('what is begun once has one outcome for all who ask', async () => {
  let count = 0;
  const ask = once(async () => {
    count += 1;
    return count;
  });
  expect(count).toBe(0);
  expect(await Promise.all([ask(), ask()])).toEqual([1, 1]);
  expect(await ask()).toBe(1);
});
