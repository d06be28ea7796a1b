/**
 * The event of a Kinesis event source of AWS Lambda, and its answer.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-example.html and, for partial failures,
 * https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
 */
import * as z from 'zod';
import { invalid } from '../../base/errors.ts';
import type { LogRecordEnvelope } from '../../storage/log-store.ts';

export type ShardRecords = {
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
  const byShard = Map.groupBy(parsed.data.Records, ({ eventID }) => eventID.slice(0, eventID.indexOf(':')));
  return [...byShard].map(([shardId, records]) => ({
    shardId,
    envelopes: records
      .map(({ kinesis: { sequenceNumber, data, approximateArrivalTimestamp } }) => ({
        position: BigInt(sequenceNumber),
        arrivalMs: Math.round(approximateArrivalTimestamp * 1_000),
        data: new Uint8Array(Buffer.from(data, 'base64')),
      }))
      .toSorted((a, b) => (a.position < b.position ? -1 : 1)),
  }));
}

/** @param heldAt by shard: the first position that must come again; undefined: none */
export function batchAnswer(heldAt: readonly (bigint | undefined)[]): BatchAnswer {
  const held = heldAt.filter(position => position !== undefined);
  return { batchItemFailures: held.map(position => ({ itemIdentifier: position.toString() })) };
}
