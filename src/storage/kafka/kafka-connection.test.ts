import { AuthenticationError, NetworkError, ProtocolError, ResponseError, TimeoutError } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { failureOf, isPassing, KafkaConnection, NotSent } from './kafka-connection.ts';

test('whether something was surely not done, may have been done, or will never be', () => {
  const produce = 0;
  const timedOut = new ResponseError(produce, 9, { '/responses/0': [7, null] }, undefined);
  expect(failureOf(new NotSent('no connection'))).toBe('elsewhere');
  expect(failureOf(new ProtocolError('NOT_LEADER_OR_FOLLOWER'))).toBe('elsewhere');
  expect(failureOf(new ProtocolError('NOT_ENOUGH_REPLICAS'))).toBe('elsewhere');
  // The leader has it, and may keep it.
  expect(failureOf(new ProtocolError('NOT_ENOUGH_REPLICAS_AFTER_APPEND'))).toBe('unanswered');
  expect(failureOf(timedOut)).toBe('unanswered');
  expect(failureOf(new NetworkError('Connection closed'))).toBe('unanswered');
  expect(failureOf(new TimeoutError('Request timed out'))).toBe('unanswered');
  expect(failureOf(new ProtocolError('MESSAGE_TOO_LARGE'))).toBe('refused');
  expect(failureOf(new ProtocolError('TOPIC_AUTHORIZATION_FAILED'))).toBe('denied');
  expect(failureOf(new NetworkError('closed', { cause: new AuthenticationError('SASL authentication failed.') }))).toBe(
    'denied',
  );
  expect(failureOf(new Error('something else'))).toBe('refused');
  expect(isPassing('refused') || isPassing('denied') || isPassing('missing')).toBe(false);
});

test('a user without a password is refused before a broker is asked', () => {
  const settings = { uri: 'kafka://x/t', brokers: [{ host: 'x', port: 1 }], access: { username: 'u' } };
  expect(() => new KafkaConnection(settings, { clock: systemClock, random: systemRandom })).toThrow(/password/);
});
