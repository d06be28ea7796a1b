import { type Connection, ProtocolError, ResponseError } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { partsWithin } from '../append-parts.ts';
import { text } from '../log-store-testing.ts';
import { KafkaConnection, NotSent } from './kafka-connection.ts';
import {
  type AppenderConnection,
  batchBytesOf,
  batchLimits,
  PartitionAppender,
  recordBytesMaxOf,
} from './partition-appender.ts';

test('batches keep to the bytes that a broker takes, in order, and the largest record has one for itself', () => {
  const batchBytesMax = 1_000;
  const limits = batchLimits(batchBytesMax);
  const largest = recordBytesMaxOf(batchBytesMax);
  const sizes = [100, 200, largest, 1, 1, 400, 400, 400];
  const batches = [...partsWithin([...sizes.keys()], index => batchBytesOf(new Uint8Array(sizes[index] ?? 0)), limits)];
  expect(batches).toEqual([[0, 1], [2], [3, 4, 5, 6], [7]]);
  expect([...partsWithin([], () => 0, limits)]).toEqual([]);
});

const broker = { host: 'a', port: 1 };
const noMetadata = 3;

/** An appender whose tries end as told, one after the other; a number is the offset of what was appended. */
async function outcomeOf(tries: readonly (Error | number)[], leaderFailure?: Error) {
  const clock = { nowMs: () => 0, monotonicMs: () => 0, sleep: async () => undefined };
  const random = seededRandom(1);
  const real = new KafkaConnection({ uri: 'kafka://a/t', brokers: [broker] }, { clock, random });
  let count = 0;
  const sent = {
    send(...[, , , , , , callback]: Parameters<Connection['send']>): void {
      const result = tries[count] ?? new Error('not expected');
      count += 1;
      if (result instanceof Error) callback(result, undefined);
      else callback(null, { responses: [{ partitionResponses: [{ baseOffset: BigInt(result) }] }] });
    },
  };
  const connection: AppenderConnection = {
    uri: real.uri,
    clock,
    random,
    errorOf: (what, error) => real.errorOf(what, error),
    call: async (_broker, _signal, action) => {
      if (tries[count] instanceof NotSent) {
        count += 1;
        throw tries[count - 1];
      }
      return await action(sent as unknown as Connection);
    },
  };
  const appender = new PartitionAppender(connection, {
    topic: 't',
    partition: 0,
    batchBytesMax: 1_000_000,
    leader: async isStale => {
      if (isStale && leaderFailure !== undefined) throw leaderFailure;
      return broker;
    },
  });
  const outcome = await appender.append([text('a'), text('b')], undefined);
  const code = outcome.status === 'appended' ? outcome.position : (outcome.cause as { code: string }).code;
  return { status: outcome.status, code, tries: count };
}

const notLeader = new ProtocolError('NOT_LEADER_OR_FOLLOWER');

test('what another broker may take is tried again, what was not understood or lost is not', async () => {
  expect(await outcomeOf([new NotSent('no connection'), notLeader, 41])).toEqual({
    status: 'appended',
    code: 42n,
    tries: 3,
  });
  const lost = new ResponseError(0, 9, { '/responses/0': [7, null] }, undefined);
  expect(await outcomeOf([lost])).toEqual({ status: 'unanswered', code: 'LAKE_LOG_UNAVAILABLE', tries: 1 });
  expect(await outcomeOf([new Error('no such answer')])).toMatchObject({ status: 'unanswered', tries: 1 });
  const refused = new ProtocolError('MESSAGE_TOO_LARGE');
  expect(await outcomeOf([refused])).toEqual({ status: 'failed', code: 'LAKE_LOG_REFUSED', tries: 1 });
});

test('a leader that lost its place may have appended: that is open in the end, unless the log is gone', async () => {
  const noConnection = Array.from({ length: 8 }, () => new NotSent('no connection'));
  expect(await outcomeOf(noConnection)).toEqual({ status: 'failed', code: 'LAKE_LOG_UNAVAILABLE', tries: 8 });
  const lostOnce = [notLeader, ...noConnection];
  expect(await outcomeOf(lostOnce)).toEqual({ status: 'unanswered', code: 'LAKE_LOG_UNAVAILABLE', tries: 8 });
  const gone = new ResponseError(noMetadata, 12, { '/topics/0': [3, null] }, undefined);
  expect(await outcomeOf([notLeader], gone)).toEqual({ status: 'failed', code: 'LAKE_LOG_NOT_FOUND', tries: 1 });
});
