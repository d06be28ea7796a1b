/** The events that AWS Lambda's event source makes of a Kinesis stream, of what an emulator has in it. */
import { GetRecordsCommand, GetShardIteratorCommand, ListShardsCommand } from '@aws-sdk/client-kinesis';
import type { KinesisService } from './kinesis-service.ts';

export type StreamRecord = { readonly sequenceNumber: string; readonly data: string; readonly arrivalSeconds: number };

export async function shardIds({ client }: KinesisService, stream: string): Promise<readonly string[]> {
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: stream }));
  return Shards.map(shard => shard.ShardId ?? '');
}

/** All records of a shard, or those behind a sequence number. */
export async function readStream(
  { client }: KinesisService,
  stream: string,
  shardId: string,
  after?: string,
): Promise<readonly StreamRecord[]> {
  const start =
    after === undefined
      ? ({ ShardIteratorType: 'TRIM_HORIZON' } as const)
      : ({ ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: after } as const);
  const command = new GetShardIteratorCommand({ StreamName: stream, ShardId: shardId, ...start });
  let iterator = (await client.send(command)).ShardIterator;
  const found: StreamRecord[] = [];
  while (iterator !== undefined) {
    const {
      Records = [],
      NextShardIterator,
      MillisBehindLatest,
    } = await client.send(new GetRecordsCommand({ ShardIterator: iterator }));
    for (const { SequenceNumber = '', Data = new Uint8Array(), ApproximateArrivalTimestamp } of Records) {
      const arrivalSeconds = (ApproximateArrivalTimestamp?.getTime() ?? 0) / 1_000;
      found.push({ sequenceNumber: SequenceNumber, data: Buffer.from(Data).toString('base64'), arrivalSeconds });
    }
    if (Records.length === 0 && MillisBehindLatest === 0) break;
    iterator = NextShardIterator;
  }
  return found;
}

/** As the event source of AWS Lambda makes it. */
export function kinesisEvent(stream: string, shardId: string, records: readonly StreamRecord[]): unknown {
  return {
    Records: records.map(({ sequenceNumber, data, arrivalSeconds }) => ({
      kinesis: {
        kinesisSchemaVersion: '1.0',
        partitionKey: 'any',
        sequenceNumber,
        data,
        approximateArrivalTimestamp: arrivalSeconds,
      },
      eventSource: 'aws:kinesis',
      eventVersion: '1.0',
      eventID: `${shardId}:${sequenceNumber}`,
      eventName: 'aws:kinesis:record',
      invokeIdentityArn: 'arn:aws:iam::000000000000:role/ingest',
      awsRegion: 'us-east-1',
      eventSourceARN: `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`,
    })),
  };
}
