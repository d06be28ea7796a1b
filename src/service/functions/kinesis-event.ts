/**
 * The event of a Kinesis event source of AWS Lambda, and its answer.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-example.html and, for partial failures,
 * https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
 */
import * as z from 'zod';
import { present } from '../../base/assert.ts';
import { invalid } from '../../base/errors.ts';
import { isLogName, namedLogAddress } from '../../format/log-name.ts';
import type { LogRecordEnvelope } from '../../storage/log-store.ts';

export type ShardRecords = {
  /** Name of the stream they are of; undefined: the event does not say. */
  readonly stream?: string | undefined;
  readonly shardId: string;
  /** By position. */
  readonly envelopes: readonly LogRecordEnvelope[];
};

/** Everything of the shard from the named sequence number on comes again; empty: all is done. */
export type BatchAnswer = { readonly batchItemFailures: readonly { readonly itemIdentifier: string }[] };

/** The last second that a date has. */
const timeSecondsMax = 8_640_000_000_000;

const eventSchema = z.object({
  Records: z.array(
    z.object({
      /** `shardId-000000000006:49590338271490256608559692538361571095921575989136588898` */
      eventID: z.string().regex(/^[^:]+:\d+$/),
      eventSourceARN: z.string().optional(),
      kinesis: z.object({
        sequenceNumber: z.string().regex(/^\d{1,128}$/),
        data: z.base64(),
        /** Seconds since 1970. */
        approximateArrivalTimestamp: z.number().nonnegative().max(timeSecondsMax),
      }),
    }),
  ),
});

/** @throws LakeError `invalid` LAKE_BAD_EVENT */
export function parseKinesisEvent(event: unknown): readonly ShardRecords[] {
  const parsed = eventSchema.safeParse(event);
  if (!parsed.success)
    throw invalid('LAKE_BAD_EVENT', `no event of a Kinesis stream: ${z.prettifyError(parsed.error)}`);
  const byShard = Map.groupBy(parsed.data.Records, record => JSON.stringify(sourceOf(record)));
  return [...byShard.values()].map(records => ({
    ...sourceOf(present(records[0], 'a group has a record')),
    envelopes: records
      .map(({ kinesis: { sequenceNumber, data, approximateArrivalTimestamp } }) => ({
        position: BigInt(sequenceNumber),
        arrivalMs: Math.round(approximateArrivalTimestamp * 1_000),
        data: new Uint8Array(Buffer.from(data, 'base64')),
      }))
      .toSorted((a, b) => (a.position < b.position ? -1 : 1)),
  }));
}

function sourceOf(record: { readonly eventID: string; readonly eventSourceARN?: string | undefined }): {
  readonly shardId: string;
  readonly stream: string | undefined;
} {
  const { eventID, eventSourceARN } = record;
  return { shardId: eventID.slice(0, eventID.indexOf(':')), stream: eventSourceARN?.split(':stream/')[1] };
}

/**
 * Positions are of one stream: another's records, from a mapping that somebody has made by mistake, would pass for records
 * of the log, and its own would then be dropped as seen.
 *
 * @param address of the log; one that is no Kinesis stream has no events either
 * @throws LakeError `invalid` LAKE_BAD_EVENT
 */
export function checkStream(batches: readonly Pick<ShardRecords, 'stream'>[], address: string | undefined): void {
  const own = /^kinesis:\/\/([^/]+)$/.exec(address ?? '')?.[1];
  const other = batches.find(({ stream }) => stream !== undefined && own !== undefined && stream !== own);
  if (other === undefined) return;
  throw invalid(
    'LAKE_BAD_EVENT',
    `records of the stream ${other.stream}, and this function takes those of ${own}; remove the mapping`,
  );
}

/** The name of the log that a stream is beside the lake's own; undefined: none. It does not say that there is such a log. */
export function logNameOfStream(stream: string | undefined, lakeLog: string): string | undefined {
  const before = namedLogAddress(lakeLog, '');
  const address = `kinesis://${stream ?? ''}`;
  const name = address.startsWith(before) ? address.slice(before.length) : '';
  return isLogName(name) ? name : undefined;
}

/** @param heldAt by shard: the first position that must come again; undefined: none */
export function batchAnswer(heldAt: readonly (bigint | undefined)[]): BatchAnswer {
  const held = heldAt.filter(position => position !== undefined);
  return { batchItemFailures: held.map(position => ({ itemIdentifier: position.toString() })) };
}
