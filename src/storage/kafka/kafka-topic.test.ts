import { type metadataV12, ResponseError } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { NotSent } from './kafka-connection.ts';
import { answerWithoutLeaders, descriptionOf, leaderOf } from './kafka-topic.ts';

const metadata = 3;
const leader = { host: 'a', port: 1 };

function failed(errorCode: number): ResponseError {
  const topic = {
    errorCode,
    name: 't',
    topicId: 'id',
    isInternal: false,
    partitions: [],
    topicAuthorizedOperations: 0,
  };
  const answer: metadataV12.MetadataResponse = {
    throttleTimeMs: 0,
    brokers: [],
    clusterId: null,
    controllerId: 1,
    topics: [topic],
  };
  return new ResponseError(metadata, 12, { '/topics/0/partitions/1': [5, null] }, answer);
}

test('a partition without a leader does not hide the topic, an error of the topic does', () => {
  expect(answerWithoutLeaders(failed(0)).topics[0]?.topicId).toBe('id');
  const missing = failed(3);
  expect(() => answerWithoutLeaders(missing)).toThrow(missing);
  const other = new Error('closed');
  expect(() => answerWithoutLeaders(other)).toThrow(other);
});

test('who leads nothing is not asked, and the number of partitions is part of what a log is', () => {
  const topic = { topicId: 'id', leaders: [leader, undefined] };
  expect(leaderOf(topic, 0)).toBe(leader);
  expect(() => leaderOf(topic, 1)).toThrow(NotSent);
  const more = { ...topic, leaders: [...topic.leaders, leader] };
  expect(descriptionOf(more, undefined).incarnation).not.toBe(descriptionOf(topic, undefined).incarnation);
});
