import type { S3Client } from '@aws-sdk/client-s3';
import type { Clock } from '../../base/clock.ts';
import { Semaphore } from '../../base/concurrency.ts';
import { invalid } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { retry } from '../../base/retry.ts';
import { bareCause } from '../bare-cause.ts';
import type { RequestOptions } from '../object-store.ts';
import { storeClosed, storeRefused } from '../store-errors.ts';
import type { S3ClientWithTime } from './s3-client.ts';
import { classifyS3Failure, dateOfFailure, isTransient } from './s3-failure.ts';
import type { S3Limits } from './s3-settings.ts';

/** An answer of S3: an output, or one of the failures that are answers. */
export type S3Answer<T> =
  | { readonly status: 'answered'; readonly output: T }
  | {
      readonly status: 'absent' | 'precondition-failed' | 'range-not-satisfiable';
      /** The `Date` it came with. */
      readonly date: string | undefined;
      readonly cause: unknown;
    };

export type S3Unanswered = { readonly status: 'unanswered'; readonly cause: unknown };

/** What is sent, with the client to send it; `send` goes along with the command. */
export type S3Request<T> = (client: S3Client, send: SendOptions) => Promise<T>;
export type SendOptions = { readonly abortSignal?: AbortSignal };

/** Sends requests: never more than the limit at a time, the idempotent ones again when it may help. */
export class S3Requests {
  readonly #uri: string;
  readonly #client: S3ClientWithTime;
  readonly #limits: S3Limits;
  readonly #components: S3Components;
  readonly #permits: Semaphore;
  #closed = false;

  constructor(uri: string, parts: S3RequestsParts) {
    this.#uri = uri;
    this.#client = parts.client;
    this.#limits = parts.limits;
    this.#components = parts.components;
    this.#permits = new Semaphore(parts.limits.requestsMax);
  }

  /** @throws LakeError `unavailable` when every try failed, `invalid` when the store will not do it */
  async idempotent<T>(key: string, options: RequestOptions | undefined, request: S3Request<T>): Promise<S3Answer<T>> {
    return await retry(
      async () => {
        const answer = await this.once(key, options, request);
        if (answer.status !== 'unanswered') return answer;
        options?.signal?.throwIfAborted();
        throw answer.cause;
      },
      {
        ...this.#components,
        attemptsMax: this.#limits.attemptsMax,
        backoff: { delayMsMin: this.#limits.retryDelayMsMin, delayMsMax: this.#limits.retryDelayMsMax },
        retryable: isTransient,
        signal: options?.signal,
      },
    );
  }

  /**
   * One try. `unanswered` is all that leaves open whether it happened, an abort under way included.
   *
   * @throws LakeError `invalid` when it surely did not happen; the signal's reason when aborted before
   */
  async once<T>(
    key: string,
    options: RequestOptions | undefined,
    request: S3Request<T>,
  ): Promise<S3Answer<T> | S3Unanswered> {
    return await this.#permits.use(async () => {
      options?.signal?.throwIfAborted();
      if (this.#closed) throw storeClosed(this.#uri);
      try {
        const send = options?.signal === undefined ? {} : { abortSignal: options.signal };
        return { status: 'answered', output: await request(this.#client.client, send) };
      } catch (error) {
        const failure = classifyS3Failure(this.where(key), error);
        switch (failure.kind) {
          case 'final':
            throw failure.error;
          case 'transient':
            return { status: 'unanswered', cause: failure.error };
          default:
            return { status: failure.kind, date: dateOfFailure(error), cause: bareCause(error) };
        }
      }
    });
  }

  /** The output, where every other answer makes no sense. */
  outputOf<T>(key: string, answer: S3Answer<T>): T {
    if (answer.status === 'answered') return answer.output;
    throw storeRefused(this.where(key), answer.cause);
  }

  /** The store's clock when it gave this output. */
  storeTimeMs(output: object): number {
    return this.parseDate(this.#client.dateOf(output));
  }

  /** @throws LakeError `invalid` LAKE_STORE_NO_DATE: without the store's time the rules about age cannot hold */
  parseDate(date: string | undefined): number {
    const timeMs = date === undefined ? Number.NaN : Date.parse(date);
    if (!Number.isNaN(timeMs)) return timeMs;
    throw invalid(
      'LAKE_STORE_NO_DATE',
      `${this.#uri}: the store's answers carry no Date; it, or a proxy, must send one`,
    );
  }

  where(key: string): string {
    return `${this.#uri}/${key}`;
  }

  close(): void {
    this.#closed = true;
    this.#client.client.destroy();
  }
}

export type S3Components = { readonly clock: Clock; readonly random: Random };
type S3RequestsParts = {
  readonly client: S3ClientWithTime;
  readonly limits: S3Limits;
  readonly components: S3Components;
};
