/** What a log does when the service will not push; and what it takes from how a stream describes itself. */
import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import type { LogStart } from '../log-store.ts';
import { type KinesisLogSettings, openKinesisLog } from './kinesis-log-store.ts';

type Answer = object | { readonly error: string };
type Service = {
  /** Calls by operation, in order, with what they said. */
  readonly calls: { readonly operation: string; readonly body: Record<string, unknown> }[];
  readonly answers: Record<string, Answer>;
  readonly settings: KinesisLogSettings;
};

const summary = {
  StreamName: 'log',
  StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/log',
  StreamStatus: 'ACTIVE',
  StreamCreationTimestamp: 1,
  RetentionPeriodHours: 24,
  StreamModeDetails: { StreamMode: 'ON_DEMAND' },
};

async function withService(answers: Record<string, Answer>, use: (service: Service) => Promise<void>): Promise<void> {
  const service: Service = {
    calls: [],
    answers: {
      DescribeStreamSummary: { StreamDescriptionSummary: summary },
      GetShardIterator: { ShardIterator: 'first' },
      GetRecords: { Records: [], NextShardIterator: 'next', MillisBehindLatest: 0 },
      DescribeStreamConsumer: { ConsumerDescription: { ConsumerStatus: 'ACTIVE', ConsumerARN: 'arn:consumer' } },
      ...answers,
    },
    settings: { stream: 'log', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, pollIntervalMs: 5 },
  };
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
      service.calls.push({ operation, body: JSON.parse(Buffer.concat(pieces).toString()) });
      const answer = service.answers[operation] ?? { error: 'UnknownOperationException' };
      const error = 'error' in answer ? answer.error : undefined;
      response.writeHead(error === undefined ? 200 : 400, { 'content-type': 'application/x-amz-json-1.1' });
      // Its answer is a stream of events: here, of none.
      const isStream = operation === 'SubscribeToShard' && error === undefined;
      response.end(isStream ? '' : JSON.stringify(error === undefined ? answer : { __type: error, message: 'no' }));
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  try {
    await use({ ...service, settings: { ...service.settings, endpoint } });
  } finally {
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  }
}

const components = { clock: systemClock, random: systemRandom };
const fanOut = { consumer: 'lake', pauseMsMin: 5 };

/** Follows a quiet shard, a turn at a time, until the condition holds. Rejects with what a wait rejects with. */
async function followUntil({ settings }: Service, done: () => boolean): Promise<void> {
  await using log = await openKinesisLog({ fanOut, ...settings }, components);
  let from: LogStart = { kind: 'earliest' };
  for (let turn = 0; turn < 400 && !done(); turn += 1) {
    const result = await log.read('shard', from, { follows: true });
    from = result.next;
    await log.waitForMore?.('shard', from, { waitMsMax: 20 });
  }
  expect(done()).toBe(true);
}

test('who may not look for the consumer, register it or subscribe is told what right that takes', async () => {
  const steps = {
    DescribeStreamConsumer: {},
    RegisterStreamConsumer: { DescribeStreamConsumer: { error: 'ResourceNotFoundException' } },
    SubscribeToShard: {},
  };
  for (const [operation, before] of Object.entries(steps)) {
    await withService({ ...before, [operation]: { error: 'AccessDeniedException' } }, async service => {
      await expect(followUntil(service, () => false)).rejects.toMatchObject({
        code: 'LAKE_LOG_DENIED',
        message: expect.stringContaining(`this takes the right kinesis:${operation}; give it`),
      });
    });
  }
});

test('a service without fan-out says so', async () => {
  await withService({ DescribeStreamConsumer: { error: 'UnknownOperationException' } }, async service => {
    await expect(followUntil(service, () => false)).rejects.toMatchObject({ code: 'LAKE_LOG_REFUSED' });
  });
});

test('a shard that another process holds, or a service that is busy, is read as without fan-out, and tried again', async () => {
  for (const error of ['ResourceInUseException', 'LimitExceededException']) {
    await withService({ SubscribeToShard: { error } }, async service => {
      const count = (wanted: string): number => service.calls.filter(({ operation }) => operation === wanted).length;
      await followUntil(service, () => count('SubscribeToShard') >= 3);
      expect(count('GetRecords')).toBeGreaterThan(3);
      expect(count('RegisterStreamConsumer')).toBe(0);
    });
  }
});

test('a service that ends subscriptions as soon as they begin is read as without fan-out, and tried again later', async () => {
  await withService({ SubscribeToShard: {} }, async service => {
    const settings = { ...service.settings, fanOut: { ...fanOut, pauseMsMin: 600_000 } };
    const count = (wanted: string): number => service.calls.filter(({ operation }) => operation === wanted).length;
    await followUntil({ ...service, settings }, () => count('GetRecords') >= 10);
    expect(count('SubscribeToShard')).toBe(1);
  });
});

test('a name that no consumer can have is refused at once', async () => {
  const settings = { stream: 'log', fanOut: { consumer: 'a/b' } };
  await expect(openKinesisLog(settings, components)).rejects.toMatchObject({ code: 'LAKE_BAD_SETTINGS' });
});

test('a stream says how large its records may be, and one that does not takes 1 MiB with the partition key', async () => {
  const described = (more: object): Answer => ({ StreamDescriptionSummary: { ...summary, ...more } });
  await withService({ DescribeStreamSummary: described({ MaxRecordSizeInKiB: 4096 }) }, async ({ settings }) => {
    await using log = await openKinesisLog(settings, components);
    expect(log.supports).toMatchObject({ recordBytesMax: (4 << 20) - 32, appendBytesMax: 10 << 20 });
  });
  await withService({}, async ({ settings }) => {
    await using log = await openKinesisLog(settings, components);
    expect(log.supports).toMatchObject({ recordBytesMax: (1 << 20) - 32, appendBytesMax: 5 << 20 });
  });
});

test('a record as large as the stream takes goes in a call of its own, a larger one not at all', async () => {
  const answers = {
    DescribeStreamSummary: { StreamDescriptionSummary: { ...summary, MaxRecordSizeInKiB: 10_240 } },
    PutRecords: { Records: [{ SequenceNumber: '1', ShardId: 'shard' }] },
  };
  await withService(answers, async ({ settings, calls }) => {
    await using log = await openKinesisLog(settings, components);
    const data = new Uint8Array(log.supports.recordBytesMax);
    const outcomes = await log.append([1n, 2n].map(hashKey => ({ hashKey, data })));
    expect(outcomes.map(({ status }) => status)).toEqual(['appended', 'appended']);
    expect(calls.filter(({ operation }) => operation === 'PutRecords').length).toBe(2);
    const larger = log.append([{ hashKey: 1n, data: new Uint8Array(data.length + 1) }]);
    await expect(larger).rejects.toMatchObject({ code: 'LAKE_LOG_RECORD_TOO_BIG' });
  });
});

test('a stream on demand is made without a number of shards', async () => {
  await withService({ DescribeStreamSummary: { error: 'ResourceNotFoundException' } }, async service => {
    service.answers['CreateStream'] = {};
    const opening = openKinesisLog({ ...service.settings, createWithShards: 'on-demand' }, components);
    while (!service.calls.some(({ operation }) => operation === 'CreateStream')) await systemClock.sleep(1);
    service.answers['DescribeStreamSummary'] = { StreamDescriptionSummary: summary };
    await (await opening)[Symbol.asyncDispose]();
    const made = service.calls.filter(({ operation }) => operation === 'CreateStream').map(({ body }) => body);
    expect(made).toEqual([{ StreamName: 'log', StreamModeDetails: { StreamMode: 'ON_DEMAND' } }]);
  });
});
