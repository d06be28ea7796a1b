/**
 * Which rights a request to Kinesis needs. Iterators and page tokens name no stream, so it is remembered which stream each
 * was given for.
 *
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesisdatastreams.html
 */
import * as z from 'zod';
import { deployedAccount, deployedRegion } from './resolve-template.ts';
import type { NeededRight } from './s3-actions.ts';

export function streamArn(stream: string): string {
  return `arn:aws:kinesis:${deployedRegion}:${deployedAccount}:stream/${stream}`;
}

const onStream: ReadonlySet<string> = new Set([
  'DescribeStream',
  'DescribeStreamSummary',
  'GetRecords',
  'GetShardIterator',
  'ListShards',
  'PutRecord',
  'PutRecords',
]);
/** Of an account, not of a stream. */
const onAll: ReadonlySet<string> = new Set(['ListStreams', 'DescribeLimits']);

const requestSchema = z.looseObject({
  StreamName: z.string().optional(),
  StreamARN: z.string().optional(),
  ShardIterator: z.string().optional(),
  NextToken: z.string().optional(),
});
const answerSchema = z.looseObject({
  ShardIterator: z.string().nullish(),
  NextShardIterator: z.string().nullish(),
  NextToken: z.string().nullish(),
});

export class KinesisNeeds {
  readonly #arnByToken = new Map<string, string>();

  /**
   * @param target of `X-Amz-Target`: `Kinesis_20131202.GetRecords`
   * @throws Error about a request that is not known here
   */
  of(target: string, body: unknown): NeededRight {
    const operation = target.slice(target.indexOf('.') + 1);
    const action = `kinesis:${operation}`;
    if (onAll.has(operation)) return { action, resource: '*', context: {} };
    if (!onStream.has(operation)) throw new Error(`nobody knows here what rights ${target} needs`);
    const { StreamName: name, StreamARN: arn, ShardIterator: iterator, NextToken: token } = requestSchema.parse(body);
    const given = arn ?? (name === undefined ? this.#arnByToken.get(iterator ?? token ?? '') : streamArn(name));
    if (given === undefined) throw new Error(`${target} names no stream that is known here`);
    return { action, resource: given, context: {} };
  }

  /** Notes what the answer to a request lets its caller go on with. */
  learn({ resource }: NeededRight, answer: unknown): void {
    const { ShardIterator: first, NextShardIterator: next, NextToken: token } = answerSchema.parse(answer);
    for (const name of [first, next, token]) if (typeof name === 'string') this.#arnByToken.set(name, resource);
  }
}
