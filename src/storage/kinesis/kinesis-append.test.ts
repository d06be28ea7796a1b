import { expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { isLakeError } from '../../base/errors.ts';
import { seededRandom } from '../../base/random.ts';
import type { LogAppend, LogAppendOutcome } from '../log-store.ts';
import { text } from '../log-store-testing.ts';
import { appendInOrder, type PutAnswer } from './kinesis-append.ts';

const clock = { ...systemClock, sleep: async (_ms: number, signal?: AbortSignal) => signal?.throwIfAborted() };
const settings = { uri: 'kinesis://s', clock, random: seededRandom(1), signal: undefined, callBytesMax: 1000 };

/** A service of one shard: `answer` says what becomes of each record it is sent. */
class ScriptedService {
  readonly calls: string[][] = [];
  readonly stored: string[] = [];
  readonly #answer: (record: string, call: number) => 'take' | PutAnswer | Error;

  constructor(answer: (record: string, call: number) => 'take' | PutAnswer | Error) {
    this.#answer = answer;
  }

  readonly put = async (batch: readonly LogAppend[]): Promise<readonly PutAnswer[]> => {
    const records = batch.map(({ hashKey, data }) => `${hashKey}:${new TextDecoder().decode(data)}`);
    this.calls.push(records);
    return records.map(record => {
      const answer = this.#answer(record, this.calls.length);
      if (answer instanceof Error) throw answer;
      if (answer !== 'take') return answer;
      this.stored.push(record);
      return { ShardId: 'shard', SequenceNumber: String(this.stored.length) };
    });
  };
}

const throttled: PutAnswer = { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'slow down' };

function records(...names: readonly string[]): readonly LogAppend[] {
  return names.map(name => ({ hashKey: BigInt(name.split(':')[0] ?? '0'), data: text(name.split(':')[1] ?? '') }));
}

function statuses(outcomes: readonly LogAppendOutcome[]): readonly string[] {
  return outcomes.map(({ status }) => status);
}

test('a call never carries two records of a hash key', async () => {
  const service = new ScriptedService(() => 'take');
  const outcomes = await appendInOrder(records('1:a', '1:b', '2:a', '1:c', '2:b'), service.put, settings);
  expect(service.calls).toEqual([['1:a', '2:a'], ['1:b', '2:b'], ['1:c']]);
  expect(outcomes.map(outcome => outcome.status === 'appended' && outcome.position)).toEqual([1n, 3n, 2n, 5n, 4n]);
});

test('a throttled record is sent again before the next one of its hash key, and others go on', async () => {
  const service = new ScriptedService((record, call) => (record === '1:a' && call < 3 ? throttled : 'take'));
  const outcomes = await appendInOrder(records('1:a', '1:b', '2:a', '2:b'), service.put, settings);
  expect(service.stored).toEqual(['2:a', '2:b', '1:a', '1:b']);
  expect(statuses(outcomes)).toEqual(Array(4).fill('appended'));
});

test('a record that is never taken fails, and those behind it are not sent', async () => {
  const service = new ScriptedService(record => (record === '1:b' ? throttled : 'take'));
  const outcomes = await appendInOrder(records('1:a', '1:b', '1:c', '2:a'), service.put, settings);
  expect(statuses(outcomes)).toEqual(['appended', 'failed', 'failed', 'appended']);
  expect(service.stored).toEqual(['1:a', '2:a']);
  const failed = outcomes[1];
  expect(failed?.status === 'failed' && isLakeError(failed.cause, 'LAKE_LOG_UNAVAILABLE')).toBe(true);
});

test('a call without an answer is made again; taken then, it is appended', async () => {
  const service = new ScriptedService((_record, call) => (call === 1 ? new Error('socket hang up') : 'take'));
  const outcomes = await appendInOrder(records('1:a', '1:b'), service.put, settings);
  expect(statuses(outcomes)).toEqual(['appended', 'appended']);
  expect(service.calls).toEqual([['1:a'], ['1:a'], ['1:b']]);
});

test('what went unanswered once and was never taken stays unanswered, whatever came after', async () => {
  const service = new ScriptedService((_record, call) => (call === 1 ? new Error('socket hang up') : throttled));
  const outcomes = await appendInOrder(records('1:a', '1:b'), service.put, settings);
  expect(statuses(outcomes)).toEqual(['unanswered', 'failed']);
});

test('an internal failure of a record leaves open whether it was taken', async () => {
  const service = new ScriptedService(() => ({ ErrorCode: 'InternalFailure' }));
  expect(statuses(await appendInOrder(records('1:a', '1:b'), service.put, settings))).toEqual(['unanswered', 'failed']);
});

test('an answer that makes no sense is none', async () => {
  const senseless = new ScriptedService(() => ({ SequenceNumber: 'x' }));
  expect(statuses(await appendInOrder(records('1:a'), senseless.put, settings))).toEqual(['unanswered']);
  const short = { put: async () => [] };
  expect(statuses(await appendInOrder(records('1:a', '2:a'), short.put, settings))).toEqual([
    'unanswered',
    'unanswered',
  ]);
});

function named(name: string, status: number): Error {
  return Object.assign(new Error(name), { name, $metadata: { httpStatusCode: status } });
}

test('a missing stream or right concerns the whole call and is thrown when nothing was taken', async () => {
  const missing = new ScriptedService(() => named('ResourceNotFoundException', 400));
  await expect(appendInOrder(records('1:a'), missing.put, settings)).rejects.toMatchObject({
    code: 'LAKE_LOG_NOT_FOUND',
  });
  const denied = new ScriptedService(() => named('AccessDeniedException', 400));
  await expect(appendInOrder(records('1:a'), denied.put, settings)).rejects.toMatchObject({ code: 'LAKE_LOG_DENIED' });
  const later = new ScriptedService((_record, call) => (call === 1 ? 'take' : named('ResourceNotFoundException', 400)));
  expect(statuses(await appendInOrder(records('1:a', '1:b'), later.put, settings))).toEqual(['appended', 'failed']);
  const unsure = new ScriptedService((_record, call) =>
    named(call === 1 ? 'InternalFailure' : 'AccessDeniedException', call === 1 ? 500 : 400),
  );
  expect(statuses(await appendInOrder(records('1:a', '1:b'), unsure.put, settings))).toEqual(['unanswered', 'failed']);
});

test('a call keeps to the limits of the service', async () => {
  const service = new ScriptedService(() => 'take');
  const many = Array.from({ length: 1100 }, (_, index) => ({ hashKey: BigInt(index), data: text('x') }));
  await appendInOrder(many, service.put, { ...settings, callBytesMax: 1 << 20 });
  expect(service.calls.map(call => call.length)).toEqual([500, 500, 100]);
  const large = Array.from({ length: 5 }, (_, index) => ({ hashKey: BigInt(index), data: new Uint8Array(400) }));
  await appendInOrder(large, service.put, settings);
  expect(service.calls.slice(3).map(call => call.length)).toEqual([2, 2, 1]);
});

test('under any faults each hash key is stored in order, doubles apart, and outcomes tell the truth', async () => {
  for (let seed = 0; seed < 200; seed += 1) {
    const random = seededRandom(seed);
    const taken = new Set<string>();
    const service = new ScriptedService(record => {
      const chance = random.next();
      if (chance < 0.3) return throttled;
      if (chance < 0.35) {
        // Taken, and the answer lost.
        taken.add(record);
        return { ErrorCode: 'InternalFailure' };
      }
      taken.add(record);
      return 'take';
    });
    const sent = records(...Array.from({ length: 30 }, (_, index) => `${index % 3}:${index}`));
    const outcomes = await appendInOrder(sent, service.put, { ...settings, random });
    for (const [index, outcome] of outcomes.entries()) {
      const record = `${index % 3}:${index}`;
      if (outcome.status === 'appended') expect(taken.has(record)).toBe(true);
      if (outcome.status === 'failed') expect(taken.has(record)).toBe(false);
    }
    for (const lane of ['0', '1', '2']) {
      const stored = service.stored
        .filter(record => record.startsWith(`${lane}:`))
        .map(record => Number(record.slice(2)));
      expect(stored).toEqual(stored.toSorted((a, b) => a - b));
    }
  }
});

test('an abort ends the call with its reason', async () => {
  const controller = new AbortController();
  const service = new ScriptedService(() => {
    controller.abort(new Error('enough'));
    return throttled;
  });
  const appending = appendInOrder(records('1:a'), service.put, { ...settings, signal: controller.signal });
  await expect(appending).rejects.toThrow('enough');
});
