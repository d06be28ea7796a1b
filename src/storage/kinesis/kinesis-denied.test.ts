/** What is said to whom a stream does not let in. */
import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { KinesisConnection } from './kinesis-connection.ts';
import { KinesisLogStore } from './kinesis-log-store.ts';
import { listShards } from './kinesis-shards.ts';

/** A stream whose service answers everything with this error; what does not touch its records needs no key. */
async function withRefusal(type: string, use: (log: KinesisLogStore, connection: KinesisConnection) => Promise<void>) {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const isWithoutKey =
        type.startsWith('KMS') && request.headers['x-amz-target'] === 'Kinesis_20131202.GetShardIterator';
      if (isWithoutKey) return response.end('{"ShardIterator":"first"}');
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' });
      return response.end(JSON.stringify({ __type: type, message: 'no' }));
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const components = { clock: systemClock, random: systemRandom };
  const connection = new KinesisConnection({ uri: 'kinesis://log', endpoint, credentials }, components);
  try {
    await using log = new KinesisLogStore({ stream: 'log' }, connection);
    await use(log, connection);
  } finally {
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  }
}

const record = { hashKey: 1n, data: Uint8Array.of(1) };

test('who may not do something is told what right it takes', async () => {
  await withRefusal('AccessDeniedException', async (log, connection) => {
    const denied = (right: string): object => ({
      code: 'LAKE_LOG_DENIED',
      message: expect.stringContaining(`this takes the right ${right}; give it to the role that asks (docs/rights.md)`),
    });
    await expect(log.describe()).rejects.toMatchObject(denied('kinesis:DescribeStreamSummary'));
    await expect(listShards(connection, 'log', undefined)).rejects.toMatchObject(denied('kinesis:ListShards'));
    await expect(log.append([record])).rejects.toMatchObject(denied('kinesis:PutRecords'));
    await expect(log.read('shard', { kind: 'earliest' })).rejects.toMatchObject(denied('kinesis:GetShardIterator'));
  });
});

test('who may not use the key of the stream is told what it takes of the key', async () => {
  await withRefusal('KMSAccessDeniedException', async log => {
    const denied = (right: string): object => ({
      code: 'LAKE_LOG_DENIED',
      message: expect.stringContaining(`this takes the right ${right}; give it`),
    });
    await expect(log.append([record])).rejects.toMatchObject(denied('kms:GenerateDataKey'));
    await expect(log.read('shard', { kind: 'earliest' })).rejects.toMatchObject(denied('kms:Decrypt'));
  });
});

test('who is not known is told to look at the credentials', async () => {
  await withRefusal('UnrecognizedClientException', async log => {
    await expect(log.append([record])).rejects.toMatchObject({
      code: 'LAKE_LOG_DENIED',
      message: expect.stringContaining('check the credentials'),
    });
  });
});
