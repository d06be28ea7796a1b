import { expect, test } from 'vitest';
import { GatheredCalls } from './gathered-calls.ts';

const one = [new Uint8Array(1)];

function gathering(appendNext: (calls: GatheredCalls<string>) => Promise<void>): GatheredCalls<string> {
  const calls: GatheredCalls<string> = new GatheredCalls({
    where: 'here',
    bytesMax: 10,
    recordsMax: 3,
    appendNext: () => appendNext(calls),
  });
  return calls;
}

test('calls made at one time go together, up to the bounds of a group, in their order', async () => {
  const groups: number[][] = [];
  const calls = gathering(async gathered => {
    const group = gathered.take();
    groups.push(group.map(call => call.bytes));
    for (const call of group) call.settle('done');
  });
  await Promise.all([4, 4, 4, 20, 1, 1, 1, 1].map(bytes => calls.append(one, bytes, undefined)));
  expect(groups).toEqual([[4, 4], [4], [20], [1, 1, 1], [1]]);
});

test('a call that is aborted while it waits is in no group', async () => {
  const controller = new AbortController();
  const taken: number[] = [];
  const calls = gathering(async gathered => {
    const group = gathered.take();
    taken.push(...group.map(call => call.bytes));
    controller.abort(new Error('enough'));
    await Promise.resolve();
    for (const call of group) call.settle('done');
  });
  const first = calls.append(one, 10, undefined);
  const second = calls.append(one, 5, controller.signal);
  await expect(second).rejects.toThrow('enough');
  expect(await first).toBe('done');
  expect(taken).toEqual([10]);
});

test('a bug in appending reaches all who wait, and the next call is served', async () => {
  let isBroken = true;
  const calls = gathering(async gathered => {
    const group = gathered.take();
    if (isBroken) throw new Error('a bug');
    for (const call of group) call.settle('done');
  });
  const outcomes = await Promise.allSettled([10, 10].map(bytes => calls.append(one, bytes, undefined)));
  expect(outcomes.map(outcome => outcome.status)).toEqual(['rejected', 'rejected']);
  isBroken = false;
  expect(await calls.append(one, 1, undefined)).toBe('done');
});

test('closing waits for what was taken on and takes no more', async () => {
  let settled = false;
  const calls = gathering(async gathered => {
    const group = gathered.take();
    await new Promise(resolve => setImmediate(resolve));
    settled = true;
    for (const call of group) call.settle('done');
  });
  const waiting = calls.append(one, 1, undefined);
  await calls.close();
  expect(settled).toBe(true);
  expect(await waiting).toBe('done');
  await expect(calls.append(one, 1, undefined)).rejects.toMatchObject({ code: 'LAKE_LOG_CLOSED' });
});
