import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { notingCommand } from '../failed-commands.ts';
import { badStoreSettings, storeDenied } from '../store-errors.ts';
import { type S3StoreSettings, s3LimitsOf } from './s3-settings.ts';
import { withSlicedBodies } from './sliced-bodies.ts';

/**
 * The SDK's client as the driver wants it: no retries of its own, since the driver must see each answer; bounded
 * sockets and times; and the `Date` of each answer kept.
 *
 * @throws LakeError `invalid` LAKE_BAD_SETTINGS without a region, LAKE_STORE_DENIED without credentials
 */
export async function createS3Client(settings: S3StoreSettings): Promise<S3ClientWithTime> {
  const limits = s3LimitsOf(settings);
  const where = `s3://${settings.bucket}`;
  checkEndpoint(where, settings.endpoint);
  const sockets = { keepAlive: true, maxSockets: limits.requestsMax };
  const region = settings.region ?? (settings.endpoint === undefined ? undefined : 'us-east-1');
  const client = new S3Client({
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(settings.credentials === undefined ? {} : { credentials: plainCredentials(settings.credentials) }),
    forcePathStyle: settings.forcePathStyle ?? settings.endpoint !== undefined,
    maxAttempts: 1,
    // Asking leave before each larger upload would cost a round trip and a socket of its own.
    expectContinueHeader: false,
    requestHandler: withSlicedBodies(
      new NodeHttpHandler({
        httpAgent: sockets,
        httpsAgent: sockets,
        connectionTimeout: limits.connectTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        throwOnRequestTimeout: true,
        socketTimeout: limits.requestTimeoutMs,
      }),
    ),
  });
  client.middlewareStack.add((next, context) => args => notingCommand(context.commandName, () => next(args)), {
    step: 'initialize',
    name: 'noteCommand',
  });
  try {
    await findIdentity(where, client);
  } catch (error) {
    client.destroy();
    throw error;
  }
  return { client, dateOf: keepDates(client) };
}

export type S3ClientWithTime = {
  readonly client: S3Client;
  /** The `Date` header of the answer an output came with. */
  readonly dateOf: (output: object) => string | undefined;
};

/** On success the SDK hands on no headers; this keeps the one we need beside each output. */
function keepDates(client: S3Client): (output: object) => string | undefined {
  const dates = new WeakMap<object, string>();
  client.middlewareStack.add(
    next => async request => {
      const result = await next(request);
      const date = dateHeaderOf(result.response);
      if (date !== undefined && result.output !== undefined) dates.set(result.output, date);
      return result;
    },
    { step: 'deserialize', name: 'keepDates', priority: 'high' },
  );
  return output => dates.get(output);
}

function dateHeaderOf(response: unknown): string | undefined {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined;
  const { headers } = response;
  if (typeof headers !== 'object' || headers === null || !('date' in headers)) return undefined;
  return typeof headers.date === 'string' ? headers.date : undefined;
}

async function findIdentity(where: string, client: S3Client): Promise<void> {
  try {
    await client.config.region();
  } catch (error) {
    throw badStoreSettings(`${where}: no region is set; give one in the settings or in AWS_REGION`, error);
  }
  try {
    await client.config.credentials();
  } catch (error) {
    throw storeDenied(where, error);
  }
}

function plainCredentials(credentials: NonNullable<S3StoreSettings['credentials']>): PlainCredentials {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

type PlainCredentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string };

function checkEndpoint(where: string, endpoint: string | undefined): void {
  if (endpoint === undefined) return;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (isHttp && url.username === '' && url.password === '') return;
  throw badStoreSettings(`${where}: the endpoint must be a URL like http://127.0.0.1:9000, without user or password`);
}
