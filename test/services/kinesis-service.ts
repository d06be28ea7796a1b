import { CreateStreamCommand, DescribeStreamSummaryCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { systemClock } from '../../src/base/clock.ts';
import { type ChildService, type ChildServiceSpec, startChildService } from './child-service.ts';

/** A Kinesis emulator of a test: where it is, and what a client of its own can do with it. */
export type KinesisService = AsyncDisposable & {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly client: KinesisClient;
  /** Makes a stream and waits until it is active. */
  createStream(stream: string, shardCount: number): Promise<void>;
  stop(): Promise<void>;
};

const activeTriesMax = 600;
const activePollMs = 25;

export async function startKinesisService(
  spec: Pick<ChildServiceSpec, 'name' | 'command' | 'readyMsMax' | 'place'>,
): Promise<KinesisService> {
  const service = await startChildService({
    ...spec,
    ready: async port => {
      // Any answer to any request means that it listens.
      await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2_000) }).then(answer => answer.text());
    },
  });
  return kinesisServiceOf(service);
}

function kinesisServiceOf(service: ChildService): KinesisService {
  const endpoint = `http://127.0.0.1:${service.port}`;
  const region = 'us-east-1';
  const credentials = { accessKeyId: '000000000000', secretAccessKey: 'secret' };
  const client = new KinesisClient({ endpoint, region, credentials, requestHandler: new NodeHttpHandler() });
  const stop = async (): Promise<void> => {
    client.destroy();
    await service.stop();
  };
  return {
    endpoint,
    region,
    credentials,
    client,
    async createStream(stream, shardCount) {
      await client.send(new CreateStreamCommand({ StreamName: stream, ShardCount: shardCount }));
      await untilActive(client, stream);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Waits until a stream can be used, also after a split or a merge. */
export async function untilActive(client: KinesisClient, stream: string): Promise<void> {
  for (let attempt = 0; attempt < activeTriesMax; attempt += 1) {
    const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand({ StreamName: stream }));
    if (StreamDescriptionSummary?.StreamStatus === 'ACTIVE') return;
    await systemClock.sleep(activePollMs);
  }
  throw new Error(`stream ${stream} does not become active`);
}
