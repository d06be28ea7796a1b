/** What a function answers, and what is handed over next. */
import { expect, test } from 'vitest';
import { type Delivery, deliver, type GivenUp, type StreamRecord } from './batch-delivery.ts';
import type { BufferedAnswer } from './local-function.ts';

const record = (n: number, arrivalMs = 0): StreamRecord => ({
  sequenceNumber: String(n),
  partitionKey: 'k',
  data: Uint8Array.of(n),
  arrivalMs,
});
const records = (from: number, to: number): readonly StreamRecord[] =>
  Array.from({ length: to - from + 1 }, (_, index) => record(from + index));
const done: BufferedAnswer = { kind: 'response', payload: '{"batchItemFailures":[]}' };
const failed: BufferedAnswer = { kind: 'error', error: { errorType: 'E', errorMessage: 'no' } };
const from = (...positions: readonly string[]): BufferedAnswer => ({
  kind: 'response',
  payload: JSON.stringify({ batchItemFailures: positions.map(itemIdentifier => ({ itemIdentifier })) }),
});

/** Hands six records over; the answers come in turn, and `done` when there are no more. */
async function run(
  answers: readonly BufferedAnswer[],
  plan: Partial<Delivery['plan']> = {},
): Promise<{
  readonly calls: readonly string[];
  readonly checkpoints: readonly string[];
  readonly given: readonly GivenUp[];
}> {
  const left = [...answers];
  const calls: string[] = [];
  const checkpoints: string[] = [];
  const given: GivenUp[] = [];
  await deliver(records(1, 6), {
    plan: { retriesMax: -1, recordAgeSecondsMax: -1, bisects: false, reportsPart: true, ...plan },
    invoke: async part => {
      calls.push(`${part[0]?.sequenceNumber}-${part.at(-1)?.sequenceNumber}`);
      return left.shift() ?? done;
    },
    checkpoint: last => checkpoints.push(last.sequenceNumber),
    giveUp: up => given.push(up),
    pause: async () => undefined,
    nowMs: () => 10_000,
    isStopped: () => false,
  });
  return { calls, checkpoints, given };
}

test('a batch that is taken is handed over once', async () => {
  expect(await run([done])).toEqual({ calls: ['1-6'], checkpoints: ['6'], given: [] });
  for (const payload of ['null', '{}', '""', '{"batchItemFailures":null}']) {
    expect((await run([{ kind: 'response', payload }])).calls, payload).toEqual(['1-6']);
  }
});

test('from the first failure that the function names everything comes again', async () => {
  const { calls, checkpoints } = await run([from('5', '3'), from('6')]);
  expect([calls, checkpoints]).toEqual([
    ['1-6', '3-6', '6-6'],
    ['2', '5', '6'],
  ]);
});

test('a failure that names nothing of the batch is one of all of it', async () => {
  expect((await run([from('7'), from('')])).calls).toEqual(['1-6', '1-6', '1-6']);
  expect((await run([{ kind: 'response', payload: '{"batchItemFailures":"3"}' }])).calls).toEqual(['1-6', '1-6']);
});

test('a function that fails gets the batch again, without end', async () => {
  expect((await run(Array.from({ length: 50 }, () => failed))).calls).toHaveLength(51);
});

test('bisecting cuts a failing batch in half until the half that fails is one record, in order', async () => {
  const { calls, checkpoints } = await run([failed, done, failed, failed], { bisects: true });
  expect(calls).toEqual(['1-6', '1-3', '4-6', '4-5', '4-4', '5-5', '6-6']);
  expect(checkpoints).toEqual(['3', '4', '5', '6']);
  expect((await run([failed, from('2')], { bisects: true })).calls).toEqual(['1-6', '1-3', '2-3', '4-6']);
});

test('after the retries that it may have a batch is given up, and what follows goes on', async () => {
  const { calls, checkpoints, given } = await run([failed, failed, failed, failed, failed], { retriesMax: 2 });
  expect(calls).toEqual(['1-6', '1-6', '1-6']);
  expect(checkpoints).toEqual(['6']);
  expect(given).toMatchObject([{ condition: 'RetryAttemptsExhausted', callCount: 3 }]);
  const cut = await run([failed, failed, failed, failed, failed], { retriesMax: 1, bisects: true });
  expect(cut.given.map(up => up.records.length)).toEqual([1]);
  expect(cut.checkpoints).toEqual(['1', '2', '3', '6']);
});

test('records that are too old are given up without a call', async () => {
  const { calls, given } = await run([], { recordAgeSecondsMax: 5 });
  expect(calls).toEqual([]);
  expect(given).toMatchObject([{ condition: 'RecordAgeExceeded', callCount: 0 }]);
});

test('nothing is noted as done after the stop', async () => {
  const checkpoints: string[] = [];
  let isStopped = false;
  await deliver(records(1, 2), {
    plan: { retriesMax: -1, recordAgeSecondsMax: -1, bisects: true, reportsPart: true },
    invoke: async () => {
      isStopped = true;
      return done;
    },
    checkpoint: last => checkpoints.push(last.sequenceNumber),
    giveUp: () => undefined,
    pause: async () => undefined,
    nowMs: () => 0,
    isStopped: () => isStopped,
  });
  expect(checkpoints).toEqual([]);
});
