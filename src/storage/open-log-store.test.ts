import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { openLogStore, parseLogUri } from './open-log-store.ts';

const components = { clock: systemClock, random: systemRandom };

test('addresses of logs are read as they are meant', () => {
  expect(parseLogUri('./lake-log')).toEqual({ kind: 'local', path: './lake-log' });
  expect(parseLogUri('file:./lake-log')).toEqual({ kind: 'local', path: './lake-log' });
  expect(parseLogUri('file:/data/log')).toEqual({ kind: 'local', path: '/data/log' });
  expect(parseLogUri('file:///data/a%20log')).toEqual({ kind: 'local', path: '/data/a log' });
  expect(parseLogUri('memory:x')).toEqual({ kind: 'memory', name: 'x' });
  expect(parseLogUri('s3://bucket/a/log/')).toEqual({ kind: 's3', bucket: 'bucket', folder: 'a/log' });
  expect(parseLogUri('kafka://a.example,10.0.0.1:9093,[::1]:9094/my-topic')).toEqual({
    kind: 'kafka',
    brokers: [
      { host: 'a.example', port: 9092 },
      { host: '10.0.0.1', port: 9093 },
      { host: '::1', port: 9094 },
    ],
    topic: 'my-topic',
  });
  expect(parseLogUri('kinesis://my-stream')).toEqual({ kind: 'kinesis', stream: 'my-stream' });
});

test('what is no address of a log is refused with the address in the message', async () => {
  for (const uri of [
    '',
    'file:',
    'kinesis://',
    'kinesis:stream',
    'kinesis://a b',
    'kafka://x',
    'kafka:///topic',
    'kafka://host:9092/',
    'kafka://host:99999/topic',
    'kafka://host:9092,/topic',
    'kafka://host/a/b',
    'file://host/x',
    's3://bucket',
    's3:x',
  ]) {
    expect(() => parseLogUri(uri)).toThrow(`log address ${JSON.stringify(uri)}`);
  }
  await expect(openLogStore('sqs://x', {}, components)).rejects.toMatchObject({ code: 'LAKE_BAD_SETTINGS' });
});

test('a folder is opened by path and by URL as the same log, and settings reach the driver', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-log-'));
  const path = join(folder, 'the log');
  await using log = await openLogStore(path, { local: { shardCount: 3 } }, components);
  await using same = await openLogStore(pathToFileURL(path).href, {}, components);
  expect(await same.describe()).toEqual(await log.describe());
  expect((await log.describe()).shards.length).toBe(3);
  await expect(openLogStore(join(folder, 'other'), { local: { shardCount: 0 } }, components)).rejects.toMatchObject({
    code: 'LAKE_BAD_SETTINGS',
  });
  await rm(folder, { recursive: true });
});

test('memory logs of one name are one log', async () => {
  const name = `memory:${systemRandom.uuid()}`;
  await using log = await openLogStore(name, { memory: { shardCount: 2 } }, components);
  await using same = await openLogStore(name, {}, components);
  expect(await same.describe()).toEqual(await log.describe());
});
