/**
 * The Kinesis client as this driver uses it: one try a call, so that every answer is seen; failures told apart by what
 * is to be done about them; and the service's own clock.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { KinesisClient, type KinesisClientConfig } from '@aws-sdk/client-kinesis';
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler';
import { unreachable } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import { LakeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { retry } from '../../base/retry.ts';
import { failedCommand, notingCommand } from '../failed-commands.ts';
import { badLogSettings, logDenied, logNotFound, logRefused, logUnavailable } from '../log-errors.ts';

export type KinesisCredentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
};

export type KinesisConnectionSettings = {
  /** For messages: `kinesis://stream`. */
  readonly uri: string;
  /** Those of the SDK's own search (environment, profile, role) when they are not given. */
  readonly region?: string | undefined;
  readonly credentials?: KinesisCredentials | undefined;
  /** Of an emulator. */
  readonly endpoint?: string | undefined;
  readonly requestTimeoutMs?: number | undefined;
  /** How pushes come. Default: HTTP/2, which the service wants for them; of an `http:` endpoint HTTP/1, as emulators speak it. */
  readonly pushProtocol?: 'http1' | 'http2' | undefined;
};

/**
 * What a failed call means.
 * - `throttled`: surely not done, come again; `unanswered`: it may have been done; `refused`: surely not done, nor later.
 */
export type KinesisFailure =
  | 'throttled'
  | 'unanswered'
  | 'missing'
  | 'denied'
  | 'iterator-expired'
  | 'unknown-operation'
  | 'misconfigured'
  | 'refused';

const requestTimeoutMsDefault = 15_000;
const connectTimeoutMs = 5_000;
/** Without a byte; a subscription to a quiet shard is spoken to more often than that. */
const pushTimeoutMs = 65_000;
const socketsMax = 64;
const callAttemptsMax = 8;
const callBackoff = { delayMsMin: 100, delayMsMax: 3_000 };

const failureByName: Readonly<Record<string, KinesisFailure>> = {
  ProvisionedThroughputExceededException: 'throttled',
  LimitExceededException: 'throttled',
  ThrottlingException: 'throttled',
  KMSThrottlingException: 'throttled',
  ResourceNotFoundException: 'missing',
  ExpiredIteratorException: 'iterator-expired',
  UnknownOperationException: 'unknown-operation',
  AccessDeniedException: 'denied',
  UnrecognizedClientException: 'denied',
  InvalidSignatureException: 'denied',
  IncompleteSignatureException: 'denied',
  MissingAuthenticationTokenException: 'denied',
  MissingAuthenticationToken: 'denied',
  InvalidClientTokenId: 'denied',
  ExpiredTokenException: 'denied',
  OptInRequired: 'denied',
  KMSAccessDeniedException: 'denied',
  CredentialsProviderError: 'denied',
};

export class KinesisConnection {
  readonly uri: string;
  readonly client: KinesisClient;
  /** An address of its own means an emulator, some of which leave a request without an answer. */
  readonly isEmulator: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly #settings: KinesisConnectionSettings;
  #serverTime: { readonly ms: number; readonly atMs: number } | undefined;

  constructor(settings: KinesisConnectionSettings, components: { readonly clock: Clock; readonly random: Random }) {
    this.uri = settings.uri;
    this.isEmulator = settings.endpoint !== undefined;
    this.clock = components.clock;
    this.random = components.random;
    this.#settings = settings;
    this.client = this.#noted(new KinesisClient({ ...clientConfig(settings), requestHandler: callHandler(settings) }));
  }

  /** One more client, for calls whose answers are pushed. Its owner destroys it. */
  pushClient(): KinesisClient {
    const { endpoint, pushProtocol } = this.#settings;
    const protocol = pushProtocol ?? (endpoint?.startsWith('http:') === true ? 'http1' : 'http2');
    const requestHandler =
      protocol === 'http1'
        ? callHandler(this.#settings)
        : // A connection of its own for each, since a reader who does not come holds up what shares one.
          new NodeHttp2Handler({ requestTimeout: pushTimeoutMs, disableConcurrentStreams: true });
    return this.#noted(new KinesisClient({ ...clientConfig(this.#settings), requestHandler }));
  }

  /** The service's clock, a second or two behind at most; ours as long as it has not answered. */
  serverNowMs(): number {
    const { clock } = this;
    return this.#serverTime === undefined
      ? clock.nowMs()
      : Math.floor(this.#serverTime.ms + clock.monotonicMs() - this.#serverTime.atMs);
  }

  /**
   * A call that may be made any number of times: tries again while throttled or unanswered.
   *
   * @param what for the message: `listing shards`
   */
  async idempotent<T>(what: string, signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T> {
    const retryable = (error: unknown): boolean => {
      if (signal?.aborted === true || error instanceof LakeError) return false;
      const failure = failureOf(error);
      return failure === 'throttled' || failure === 'unanswered';
    };
    const { clock, random } = this;
    const options = { clock, random, attemptsMax: callAttemptsMax, backoff: callBackoff, retryable, signal };
    try {
      return await retry(action, options);
    } catch (error) {
      signal?.throwIfAborted();
      throw retryable(error) ? logUnavailable(`${this.uri} ${what}`, error) : error;
    }
  }

  close(): void {
    this.client.destroy();
  }

  #noted(client: KinesisClient): KinesisClient {
    client.middlewareStack.add((next, context) => args => notingCommand(context.commandName, () => next(args)), {
      step: 'initialize',
      name: 'noteCommand',
    });
    client.middlewareStack.add(
      next => async args => {
        const result = await next(args);
        this.#noteTime(result.response);
        return result;
      },
      { step: 'deserialize', name: 'noteServerTime' },
    );
    return client;
  }

  #noteTime(response: unknown): void {
    const date: unknown = Object(Object(Object(response)['headers']))['date'];
    const ms = typeof date === 'string' ? Date.parse(date) : Number.NaN;
    if (Number.isFinite(ms)) this.#serverTime = { ms, atMs: this.clock.monotonicMs() };
  }
}

export function failureOf(error: unknown): KinesisFailure {
  const name = error instanceof Error ? error.name : '';
  const known = Object.hasOwn(failureByName, name) ? failureByName[name] : undefined;
  if (known !== undefined) return known;
  if (error instanceof Error && /region is missing/i.test(error.message)) return 'misconfigured';
  const status: unknown = Object(Object(Object(error)['$metadata']))['httpStatusCode'];
  if (typeof status !== 'number' || status >= 500) return 'unanswered';
  if (status === 403 || status === 401) return 'denied';
  return status === 429 ? 'throttled' : 'refused';
}

/** The port's error for what concerns a whole call; what is none of that comes back as it is. */
export function wholeCallError(uri: string, error: unknown): unknown {
  if (error instanceof LakeError) return error;
  const failure = failureOf(error);
  switch (failure) {
    case 'missing':
      return logNotFound(
        uri,
        'the stream does not exist in this account and region; create it (aws kinesis create-stream), or correct the name or region',
        error,
      );
    case 'denied':
      return logDenied(uri, error, rightOf(error));
    case 'misconfigured':
      return badLogSettings(`${uri}: no region is set; give one, or set AWS_REGION`);
    case 'unknown-operation':
    case 'refused':
      return logRefused(uri, error);
    case 'throttled':
    case 'unanswered':
    case 'iterator-expired':
      return error;
    default:
      return unreachable(failure);
  }
}

/** The service calls the right as it calls the command; who is told that the credentials are no good needs none. */
function rightOf(error: unknown): string | undefined {
  const command = failedCommand(error);
  if (command === undefined || !(error instanceof Error)) return undefined;
  // Kinesis uses the stream's key in the caller's name.
  if (error.name === 'KMSAccessDeniedException')
    return command === 'GetRecords' ? 'kms:Decrypt' : 'kms:GenerateDataKey';
  return error.name === 'AccessDeniedException' ? `kinesis:${command}` : undefined;
}

function clientConfig(settings: KinesisConnectionSettings): KinesisClientConfig {
  const { endpoint, credentials } = settings;
  // Emulators take any.
  const region = settings.region ?? (endpoint === undefined ? undefined : 'us-east-1');
  return {
    // Its own retries off: it must be seen whether a try went unanswered.
    maxAttempts: 1,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials: withoutAbsent(credentials) }),
  };
}

/** The client would speak HTTP/2, which emulators do not. */
function callHandler(settings: KinesisConnectionSettings): NodeHttpHandler {
  const agent = { keepAlive: true, maxSockets: socketsMax };
  return new NodeHttpHandler({
    httpAgent: new HttpAgent(agent),
    httpsAgent: new HttpsAgent(agent),
    connectionTimeout: connectTimeoutMs,
    requestTimeout: settings.requestTimeoutMs ?? requestTimeoutMsDefault,
    throwOnRequestTimeout: true,
  });
}

function withoutAbsent({ accessKeyId, secretAccessKey, sessionToken }: KinesisCredentials): {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
} {
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}
