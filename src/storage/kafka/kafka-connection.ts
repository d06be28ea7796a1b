/**
 * How brokers are reached, and what their failures mean. Requests are single calls of the protocol, so that it is seen
 * whether one went unanswered; tries, leaders and order are this driver's.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { type Connection, type ConnectionOptions, ConnectionPool, findErrorBy } from '@platformatic/kafka';
import type { Clock } from '../../base/clock.ts';
import { LakeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { retry } from '../../base/retry.ts';
import { badLogSettings, logDenied, logNotFound, logRefused, logUnavailable } from '../log-errors.ts';

export type KafkaAccess = {
  /** Encrypted connections. Default: as soon as there is a `caFile`. */
  readonly tls?: boolean | undefined;
  /** A file of the authorities (PEM) that brokers are checked against; those that Node trusts when not given. */
  readonly caFile?: string | undefined;
  readonly mechanism?: KafkaMechanism | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
};

export type KafkaMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

export type Broker = { readonly host: string; readonly port: number };

export type KafkaConnectionSettings = {
  /** For messages: `kafka://host:9092/topic`. */
  readonly uri: string;
  /** Some of the cluster, by which the leaders of partitions are found. */
  readonly brokers: readonly Broker[];
  readonly access?: KafkaAccess | undefined;
  readonly requestTimeoutMs?: number | undefined;
};

export type KafkaFailure =
  /** Another broker leads the partition, or none does yet. Whether an append was made tells `isSurelyUndone`. */
  | 'elsewhere'
  /** It may have been done. */
  | 'unanswered'
  | 'missing'
  | 'denied'
  | 'out-of-range'
  /** Sending it again does not help, or the answer is not understood. */
  | 'refused';

const clientId = 'tidelake';
const connectTimeoutMs = 5_000;
const requestTimeoutMsDefault = 30_000;
export const callAttemptsMax = 8;
export const callBackoff = { delayMsMin: 20, delayMsMax: 1_000 };

const failureByCode: Readonly<Record<string, KafkaFailure>> = {
  OFFSET_OUT_OF_RANGE: 'out-of-range',
  UNKNOWN_TOPIC_OR_PARTITION: 'missing',
  // Whether the topic is another, or unknown to this broker only, is seen when it is looked for again.
  UNKNOWN_TOPIC_ID: 'elsewhere',
  INCONSISTENT_TOPIC_ID: 'elsewhere',
  LEADER_NOT_AVAILABLE: 'elsewhere',
  NOT_LEADER_OR_FOLLOWER: 'elsewhere',
  BROKER_NOT_AVAILABLE: 'elsewhere',
  REPLICA_NOT_AVAILABLE: 'elsewhere',
  FENCED_LEADER_EPOCH: 'elsewhere',
  UNKNOWN_LEADER_EPOCH: 'elsewhere',
  OFFSET_NOT_AVAILABLE: 'elsewhere',
  NOT_CONTROLLER: 'elsewhere',
  NOT_ENOUGH_REPLICAS: 'elsewhere',
  THROTTLING_QUOTA_EXCEEDED: 'elsewhere',
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 'unanswered',
  REQUEST_TIMED_OUT: 'unanswered',
  KAFKA_STORAGE_ERROR: 'unanswered',
  NETWORK_EXCEPTION: 'unanswered',
  UNKNOWN_SERVER_ERROR: 'unanswered',
  TOPIC_AUTHORIZATION_FAILED: 'denied',
  CLUSTER_AUTHORIZATION_FAILED: 'denied',
  SASL_AUTHENTICATION_FAILED: 'denied',
  ILLEGAL_SASL_STATE: 'denied',
  UNSUPPORTED_SASL_MECHANISM: 'denied',
};

/** A connection could not be made: whatever was to be sent was not. */
export class NotSent extends Error {
  override readonly name = 'NotSent';
}

export class KafkaConnection {
  readonly uri: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly #settings: KafkaConnectionSettings;
  readonly #options: ConnectionOptions;
  readonly #pool: ConnectionPool;

  constructor(settings: KafkaConnectionSettings, components: { readonly clock: Clock; readonly random: Random }) {
    this.uri = settings.uri;
    this.clock = components.clock;
    this.random = components.random;
    this.#settings = settings;
    this.#options = connectionOptions(settings);
    this.#pool = new ConnectionPool(clientId, this.#options);
  }

  /** Connections of one's own: a broker answers one request of a connection after the other, so a long wait takes one. */
  ownPool(): ConnectionPool {
    return new ConnectionPool(clientId, this.#options);
  }

  /** One try of a call to a broker. */
  async call<T>(
    broker: Broker,
    signal: AbortSignal | undefined,
    action: (connection: Connection) => Promise<T>,
    pool: ConnectionPool = this.#pool,
  ): Promise<T> {
    return await abortable(signal, async () => {
      const connection = await pool.get({ ...broker }).catch((error: unknown) => {
        // Who is not let in is told so; all else is a broker that cannot be reached.
        if (failureOf(error) === 'denied') throw error;
        throw new NotSent(`no connection to ${broker.host}:${broker.port}`, { cause: error });
      });
      return await action(connection);
    });
  }

  /** One try of a call that may be made any number of times: of the brokers given, the first that does better than not answering. */
  async callAny<T>(signal: AbortSignal | undefined, action: (connection: Connection) => Promise<T>): Promise<T> {
    let failure: unknown;
    for (const broker of this.#settings.brokers) {
      try {
        return await this.call(broker, signal, action);
      } catch (error) {
        if (!isPassing(failureOf(error))) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  /**
   * A call that may be made any number of times: tries again while nobody answers or leads.
   *
   * @param what for the message: `reading`
   */
  async idempotent<T>(
    what: string,
    signal: AbortSignal | undefined,
    action: (attempt: number) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.retried(signal, action);
    } catch (error) {
      signal?.throwIfAborted();
      throw this.errorOf(what, error);
    }
  }

  /** The same, and throws what the last try did. */
  async retried<T>(signal: AbortSignal | undefined, action: (attempt: number) => Promise<T>): Promise<T> {
    const retryable = (error: unknown): boolean =>
      signal?.aborted !== true && !(error instanceof LakeError) && isPassing(failureOf(error));
    const { clock, random } = this;
    return await retry(action, {
      clock,
      random,
      attemptsMax: callAttemptsMax,
      backoff: callBackoff,
      retryable,
      signal,
    });
  }

  /** The port's error for what concerns a whole call. */
  errorOf(what: string, error: unknown): LakeError {
    if (error instanceof LakeError) return error;
    const where = `${this.uri} ${what}`;
    switch (failureOf(error)) {
      case 'missing':
        return logNotFound(
          this.uri,
          'the topic does not exist in this cluster (any more); create it (kafka-topics.sh --create … --config message.timestamp.type=LogAppendTime, or setting kafka.createWithPartitions), or correct the address',
          error,
        );
      case 'denied':
        return logDenied(this.uri, error);
      case 'elsewhere':
      case 'unanswered':
        return logUnavailable(where, error);
      case 'out-of-range':
      case 'refused':
        return logRefused(where, error);
    }
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

export function failureOf(error: unknown): KafkaFailure {
  if (error instanceof NotSent) return 'elsewhere';
  const found = Object.entries(failureByCode).find(([code]) => isOrHas(error, 'apiId', code));
  if (found !== undefined) return found[1];
  if (isOrHas(error, 'code', 'PLT_KFK_AUTHENTICATION')) return 'denied';
  const isLost = ['PLT_KFK_NETWORK', 'PLT_KFK_TIMEOUT'].some(code => isOrHas(error, 'code', code));
  return isLost ? 'unanswered' : 'refused';
}

/** Whether an error, one of those it gathers, or a cause of it is of this code. */
function isOrHas(error: unknown, property: 'apiId' | 'code', code: string): boolean {
  if (!(error instanceof Error)) return false;
  return findErrorBy(error, property, code) !== null || isOrHas(error.cause, property, code);
}

/** Said before anything is appended. All else may come when it was, from a leader that lost its place for one. */
const undoneCodes = [
  'LEADER_NOT_AVAILABLE',
  'BROKER_NOT_AVAILABLE',
  'NOT_ENOUGH_REPLICAS',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'CORRUPT_MESSAGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_REQUIRED_ACKS',
  'POLICY_VIOLATION',
  'THROTTLING_QUOTA_EXCEEDED',
  'UNSUPPORTED_VERSION',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
] as const;

/** Whether an append that failed so appended nothing; an answer that is not understood tells nothing. */
export function isSurelyUndone(error: unknown): boolean {
  if (error instanceof NotSent || failureOf(error) === 'denied') return true;
  return undoneCodes.some(code => isOrHas(error, 'apiId', code));
}

/** Whether the same call may do better a moment later. */
export function isPassing(failure: KafkaFailure): boolean {
  return failure === 'elsewhere' || failure === 'unanswered';
}

/** Rejects with the signal's reason as soon as it aborts; what was sent is sent. */
async function abortable<T>(signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T> {
  if (signal === undefined) return await action();
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const acting = action();
  // Nobody waits for it after an abort.
  acting.catch(() => undefined);
  try {
    return await Promise.race([acting, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function connectionOptions({
  uri,
  brokers,
  access = {},
  requestTimeoutMs,
}: KafkaConnectionSettings): ConnectionOptions {
  const { caFile, tls = caFile !== undefined, mechanism, username, password } = access;
  if ((username === undefined) !== (password === undefined)) {
    throw badLogSettings(`${uri}: a user and a password belong together, one of them is missing`);
  }
  // A name goes into the handshake, an address may not.
  const serverName = brokers.some(({ host }) => isIP(host) !== 0) ? {} : { tlsServerName: true };
  const timeouts = { connectTimeout: connectTimeoutMs, requestTimeout: requestTimeoutMs ?? requestTimeoutMsDefault };
  return {
    ...timeouts,
    ...(tls ? { tls: caFile === undefined ? {} : { ca: authorities(uri, caFile) }, ...serverName } : {}),
    ...(username === undefined || password === undefined
      ? {}
      : { sasl: { mechanism: mechanism ?? 'SCRAM-SHA-512', username, password } }),
  };
}

function authorities(uri: string, caFile: string): string {
  try {
    return readFileSync(caFile, 'utf8');
  } catch (error) {
    throw badLogSettings(`${uri}: the authorities in ${caFile} cannot be read (${reasonOf(error)})`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
