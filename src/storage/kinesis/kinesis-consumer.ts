/** The registered consumer of a stream in whose name shards are subscribed to. */
import {
  type ConsumerDescription,
  DescribeStreamConsumerCommand,
  RegisterStreamConsumerCommand,
} from '@aws-sdk/client-kinesis';
import { logCorrupt, logUnavailable } from '../log-errors.ts';
import { failureOf, type KinesisConnection, wholeCallError } from './kinesis-connection.ts';

const readyTriesMax = 300;
const readyIntervalMs = 200;

/**
 * Registers the consumer when there is none of that name, and waits until it can be used. It is never deregistered.
 *
 * @returns its ARN
 * @throws LakeError LAKE_LOG_DENIED, naming the right; LAKE_LOG_NOT_FOUND; LAKE_LOG_UNAVAILABLE
 */
export async function ensureConsumer(
  connection: KinesisConnection,
  streamArn: string,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const { uri, client, clock } = connection;
  const input = { StreamARN: streamArn, ConsumerName: name };
  const options = { abortSignal: signal };
  for (let attempt = 0; attempt < readyTriesMax; attempt += 1) {
    const found = await describeConsumer(connection, input, signal);
    if (found?.ConsumerStatus === 'ACTIVE') {
      if (found.ConsumerARN === undefined) throw logCorrupt(uri, 'the service describes a consumer without its ARN');
      return found.ConsumerARN;
    }
    if (found === undefined) {
      await client.send(new RegisterStreamConsumerCommand(input), options).catch((error: unknown) => {
        // Another process was quicker, or the answer was lost: the next look tells.
        const isOpen = failureOf(error) === 'unanswered' || failureOf(error) === 'throttled';
        if (!isOpen && !isInUse(error)) throw wholeCallError(uri, error);
      });
    }
    await clock.sleep(readyIntervalMs, signal);
  }
  throw logUnavailable(uri, new Error(`the consumer ${name} does not become active; a stream has 20 at most`));
}

/** Another holds it, or it is being made. */
export function isInUse(error: unknown): boolean {
  return error instanceof Error && error.name === 'ResourceInUseException';
}

async function describeConsumer(
  connection: KinesisConnection,
  input: { readonly StreamARN: string; readonly ConsumerName: string },
  signal: AbortSignal,
): Promise<ConsumerDescription | undefined> {
  const { client } = connection;
  try {
    const answer = await connection.idempotent('looking for the consumer', signal, () =>
      client.send(new DescribeStreamConsumerCommand(input), { abortSignal: signal }),
    );
    return answer.ConsumerDescription;
  } catch (error) {
    if (failureOf(error) === 'missing') return undefined;
    throw wholeCallError(connection.uri, error);
  }
}
