import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { canBeginKey, checkByteRange, checkObjectKey } from '../object-key.ts';
import type {
  ByteRange,
  GetOptions,
  ListOptions,
  ListPage,
  ObjectHead,
  ObjectStore,
  PutIfAbsentOutcome,
  PutIfMatchOutcome,
  PutReceipt,
  RequestOptions,
  StoredObject,
} from '../object-store.ts';
import { storeNotFound, storeUnavailable } from '../store-errors.ts';
import { rangeOfAnswer, readBody } from './s3-body.ts';
import { createS3Client } from './s3-client.ts';
import { listedObjects, listRequest } from './s3-listing.ts';
import { type S3Answer, type S3Components, type S3Request, S3Requests, type S3Unanswered } from './s3-requests.ts';
import { type S3Limits, type S3StoreSettings, s3LimitsOf, uploadBytesPerMsMin } from './s3-settings.ts';

/**
 * Opens a whole bucket as an object store. Sends nothing yet: a missing bucket or wrong credentials show at the first
 * request, LAKE_STORE_NOT_FOUND and LAKE_STORE_DENIED.
 *
 * @throws LakeError `invalid` LAKE_BAD_SETTINGS; LAKE_STORE_DENIED when no credentials are to be found
 */
export async function openS3ObjectStore(settings: S3StoreSettings, components: S3Components): Promise<ObjectStore> {
  const limits = s3LimitsOf(settings);
  const client = await createS3Client(settings);
  const requests = new S3Requests(`s3://${settings.bucket}`, { client, limits, components });
  return new S3ObjectStore(settings.bucket, { requests, limits });
}

/**
 * Objects of an S3 bucket. One call of the port is one request, but for retries and the pages of a list. Idempotent
 * requests are tried again after transient failures; conditional ones are made once, and what became of them is read
 * off the status: 412 alone says that the condition did not hold.
 */
class S3ObjectStore implements ObjectStore {
  readonly uri: string;
  readonly #bucket: string;
  readonly #requests: S3Requests;
  readonly #limits: S3Limits;
  /** Whether an answer has shown that the bucket exists: a HEAD cannot tell a missing bucket from a missing object. */
  #bucketSeen = false;

  constructor(bucket: string, parts: { readonly requests: S3Requests; readonly limits: S3Limits }) {
    this.uri = `s3://${bucket}`;
    this.#bucket = bucket;
    this.#requests = parts.requests;
    this.#limits = parts.limits;
  }

  async get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    const answer = await this.#getObject(key, undefined, options);
    if (answer.status === 'absent') return undefined;
    const { output, bytes } = this.#requests.outputOf(key, answer);
    return { ...this.#headOf(key, output), sizeBytes: bytes.byteLength, bytes };
  }

  async getRange(key: string, range: ByteRange, options?: RequestOptions): Promise<Uint8Array | undefined> {
    checkByteRange(key, range);
    const answer = await this.#getObject(key, range, options);
    if (answer.status === 'absent') return undefined;
    if (answer.status === 'range-not-satisfiable') return new Uint8Array();
    const { output, bytes } = this.#requests.outputOf(key, answer);
    return rangeOfAnswer(this.#requests.where(key), { range, contentRange: output.ContentRange, bytes });
  }

  async head(key: string, options?: RequestOptions): Promise<ObjectHead | undefined> {
    checkObjectKey(key);
    const answer = await this.#requests.idempotent(key, options, (client, send) =>
      client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }), send),
    );
    if (answer.status === 'absent') {
      await this.#seeBucket(options);
      return undefined;
    }
    return this.#headOf(key, this.#requests.outputOf(key, answer));
  }

  async put(key: string, bytes: Uint8Array, options?: RequestOptions): Promise<PutReceipt> {
    checkObjectKey(key);
    const answer = await this.#requests.idempotent(key, options, this.#putObject(key, bytes, {}));
    return this.#receipt(key, this.#requests.outputOf(key, answer));
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options?: RequestOptions): Promise<PutIfAbsentOutcome> {
    checkObjectKey(key);
    const answer = await this.#requests.once(key, options, this.#putObject(key, bytes, { IfNoneMatch: '*' }));
    if (answer.status === 'unanswered') return answer;
    if (answer.status === 'precondition-failed') {
      return { status: 'exists', storeTimeMs: this.#requests.parseDate(answer.date) };
    }
    const output = this.#requests.outputOf(key, answer);
    return this.#afterSuccess(() => ({ status: 'created', ...this.#receipt(key, output) }));
  }

  async putIfMatch(key: string, bytes: Uint8Array, etag: string, options?: RequestOptions): Promise<PutIfMatchOutcome> {
    checkObjectKey(key);
    const answer = await this.#requests.once(key, options, this.#putObject(key, bytes, { IfMatch: etag }));
    if (answer.status === 'unanswered') return answer;
    // S3 answers 412 when another version is there and 404 when there is none.
    if (answer.status === 'precondition-failed' || answer.status === 'absent') {
      return { status: 'mismatch', storeTimeMs: this.#requests.parseDate(answer.date) };
    }
    const output = this.#requests.outputOf(key, answer);
    return this.#afterSuccess(() => ({ status: 'replaced', ...this.#receipt(key, output) }));
  }

  async delete(key: string, options?: RequestOptions): Promise<void> {
    checkObjectKey(key);
    const answer = await this.#requests.idempotent(key, options, (client, send) =>
      client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }), send),
    );
    if (answer.status !== 'absent') this.#requests.outputOf(key, answer);
  }

  async *list(prefix: string, options?: ListOptions): AsyncIterable<ListPage> {
    let token: string | undefined;
    let after: string | undefined;
    do {
      const request = listRequest(this.#bucket, { prefix, token, options });
      const answer = await this.#requests.idempotent(prefix, options, (client, send) =>
        client.send(new ListObjectsV2Command(request), send),
      );
      const output = this.#requests.outputOf(prefix, answer);
      this.#bucketSeen = true;
      const objects = listedObjects(this.#requests.where(prefix), { prefix, output, after });
      yield { objects, storeTimeMs: this.#requests.storeTimeMs(output) };
      after = objects.at(-1)?.key ?? after;
      token = output.IsTruncated === true && canBeginKey(prefix) ? output.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#requests.close();
  }

  async #getObject(
    key: string,
    range: ByteRange | undefined,
    options: GetOptions | undefined,
  ): Promise<S3Answer<GotObject>> {
    checkObjectKey(key);
    const command = { Bucket: this.#bucket, Key: key };
    const ranged = range === undefined ? command : { ...command, Range: `bytes=${range.start}-${range.end - 1}` };
    return await this.#requests.idempotent(key, options, async (client, send) => {
      const output = await client.send(new GetObjectCommand(ranged), send);
      const limits = { signal: send.abortSignal, bytesMax: options?.bytesMax };
      return { output, bytes: await readBody(this.#requests.where(key), output, limits) };
    });
  }

  #putObject(key: string, bytes: Uint8Array, condition: PutCondition): S3Request<PutObjectCommandOutput> {
    const input = { Bucket: this.#bucket, Key: key, Body: bytes, ContentLength: bytes.byteLength, ...condition };
    const requestTimeout = this.#limits.requestTimeoutMs + Math.ceil(bytes.byteLength / uploadBytesPerMsMin);
    return (client, send) => client.send(new PutObjectCommand(input), { ...send, requestTimeout });
  }

  #receipt(key: string, output: PutObjectCommandOutput): PutReceipt {
    this.#bucketSeen = true;
    return { etag: this.#etagOf(key, output.ETag), storeTimeMs: this.#requests.storeTimeMs(output) };
  }

  /** It has happened: an answer that lacks something must not look like a failure. */
  #afterSuccess<T>(outcome: () => T): T | S3Unanswered {
    try {
      return outcome();
    } catch (cause) {
      return { status: 'unanswered', cause };
    }
  }

  #headOf(key: string, output: HeadFields): ObjectHead {
    this.#bucketSeen = true;
    const { ContentLength: sizeBytes, LastModified: lastModified } = output;
    if (sizeBytes === undefined || lastModified === undefined) {
      throw storeUnavailable(this.#requests.where(key), 'the answer lacks Content-Length or Last-Modified');
    }
    const storeTimeMs = this.#requests.storeTimeMs(output);
    return { sizeBytes, etag: this.#etagOf(key, output.ETag), lastModifiedMs: lastModified.getTime(), storeTimeMs };
  }

  #etagOf(key: string, etag: string | undefined): string {
    if (etag === undefined) throw storeUnavailable(this.#requests.where(key), 'the answer lacks an ETag');
    return etag;
  }

  async #seeBucket(options: RequestOptions | undefined): Promise<void> {
    if (this.#bucketSeen) return;
    const answer = await this.#requests.idempotent('', options, (client, send) =>
      client.send(new HeadBucketCommand({ Bucket: this.#bucket }), send),
    );
    if (answer.status === 'absent') throw storeNotFound(this.uri, 'the bucket', answer.cause);
    this.#bucketSeen = true;
  }
}

type GotObject = { readonly output: GetObjectCommandOutput; readonly bytes: Uint8Array };
type PutCondition = { readonly IfNoneMatch?: string; readonly IfMatch?: string };
type HeadFields = Pick<GetObjectCommandOutput, 'ContentLength' | 'LastModified' | 'ETag'>;
