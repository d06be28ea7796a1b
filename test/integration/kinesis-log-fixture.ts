/** The fixture of the log suite for streams of a Kinesis emulator. */
import { DeleteStreamCommand, MergeShardsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { present } from '../../src/base/assert.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import {
  type KinesisLogSettings,
  type KinesisLogStore,
  openKinesisLog,
} from '../../src/storage/kinesis/kinesis-log-store.ts';
import type { LogFixture } from '../../src/storage/log-store.conformance.ts';
import { shardOf } from '../../src/storage/log-store-testing.ts';
import { halves } from '../../src/storage/shard-ranges.ts';
import { type KinesisService, untilActive } from '../services/kinesis-service.ts';

const components = { clock: systemClock, random: systemRandom };

/** Opens a stream of an emulator, as another process would. */
export async function openKinesisStream(
  service: KinesisService,
  stream: string,
  more: Partial<KinesisLogSettings> = {},
): Promise<KinesisLogStore> {
  const { endpoint, region, credentials } = service;
  return await openKinesisLog({ stream, endpoint, region, credentials, pollIntervalMs: 20, ...more }, components);
}

/** A stream of two shards that can be split, merged and made again. */
export async function kinesisLogFixture(
  service: KinesisService,
  more: Partial<KinesisLogSettings> = {},
): Promise<LogFixture> {
  const stream = `s-${systemRandom.uuid()}`;
  await service.createStream(stream, 2);
  const { client } = service;
  const log = await openKinesisStream(service, stream, more);
  return {
    log,
    async split(shardId) {
      const middle = present(halves(await shardOf(log, shardId))[1], 'upper half').hashKeyStart.toString();
      await client.send(
        new SplitShardCommand({ StreamName: stream, ShardToSplit: shardId, NewStartingHashKey: middle }),
      );
      await untilActive(client, stream);
    },
    async merge(shardIdA, shardIdB) {
      const command = { StreamName: stream, ShardToMerge: shardIdA, AdjacentShardToMerge: shardIdB };
      await client.send(new MergeShardsCommand(command));
      await untilActive(client, stream);
    },
    reopen: () => openKinesisStream(service, stream, more),
    async recreate() {
      await client.send(new DeleteStreamCommand({ StreamName: stream, EnforceConsumerDeletion: true }));
      // The time of creation is told in whole seconds by one of them.
      await systemClock.sleep(1_100);
      return await openKinesisStream(service, stream, { ...more, createWithShards: 2 });
    },
    close: async () => {
      await client.send(new DeleteStreamCommand({ StreamName: stream, EnforceConsumerDeletion: true }));
    },
  };
}
