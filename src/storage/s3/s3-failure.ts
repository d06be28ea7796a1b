import { LakeError } from '../../base/errors.ts';
import { failedCommand } from '../failed-commands.ts';
import { storeDenied, storeFull, storeNotFound, storeRefused, storeUnavailable } from '../store-errors.ts';

/**
 * What a failed S3 request means. Decided by the HTTP status and not by the SDK's error classes: those differ between
 * S3s, and a request without an answer has none.
 */
export type S3Failure =
  /** 404: there is no such object. */
  | { readonly kind: 'absent' }
  /** 412: the condition of a conditional PUT does not hold, and nothing was written. */
  | { readonly kind: 'precondition-failed' }
  /** 416: the range begins behind the end of the object. */
  | { readonly kind: 'range-not-satisfiable' }
  /** No answer, or one that leaves open whether it happened, or that says to come again. */
  | { readonly kind: 'transient'; readonly error: LakeError }
  /** Surely not done, and asking again will not help. */
  | { readonly kind: 'final'; readonly error: LakeError };

/** @param where the object or bucket, for the message */
export function classifyS3Failure(where: string, error: unknown): S3Failure {
  if (error instanceof LakeError) return { kind: error.kind === 'unavailable' ? 'transient' : 'final', error };
  const status = statusOf(error);
  const name = error instanceof Error ? error.name : '';
  if (status === undefined) return withoutAnswer(where, name, error);
  if (deniedNames.has(name)) return final(denied(where, name, error));
  // The status came and the words did not, so most statuses say too little; these two say all by themselves.
  if (wasCut(error) && status !== 412 && status !== 416) return transient(where, error);
  switch (status) {
    case 404:
      if (name === 'NoSuchBucket') return final(storeNotFound(where, 'the bucket', error));
      // Taking any other 404 for an absent object would make a store we may not read look empty.
      return absentNames.has(name) ? { kind: 'absent' } : final(storeRefused(where, error));
    case 412:
      return { kind: 'precondition-failed' };
    case 416:
      return { kind: 'range-not-satisfiable' };
    case 401:
    case 403:
      return final(denied(where, name, error));
    case 507:
      return { kind: 'transient', error: storeFull(where, error) };
    case 501:
      return final(storeRefused(where, error));
    default:
      return byRange(where, { status, name }, error);
  }
}

/** Whether trying an idempotent request again may help. */
export function isTransient(error: unknown): boolean {
  return error instanceof LakeError && error.kind === 'unavailable';
}

/** The `Date` of a failed answer. */
export function dateOfFailure(error: unknown): string | undefined {
  const response = field(error, '$response');
  const date = field(field(response, 'headers'), 'date');
  return typeof date === 'string' ? date : undefined;
}

/** Who is told that the credentials are no good needs no right. */
function denied(where: string, name: string, error: unknown): LakeError {
  const isAboutRights = name === 'AccessDenied' || !deniedNames.has(name);
  const right = isAboutRights ? (rightOnKey(error) ?? rightOfCommand[failedCommand(error) ?? '']) : undefined;
  return storeDenied(where, error, right);
}

/** S3 uses the bucket's key in the caller's name, and denies the request with what it could not do with the key. */
function rightOnKey(error: unknown): string | undefined {
  const told = error instanceof Error ? error.message : '';
  return /not authorized to perform: (kms:[A-Za-z]+) on /.exec(told)?.[1];
}

const rightOfCommand: Readonly<Record<string, string>> = {
  GetObject: 's3:GetObject, and s3:ListBucket to be told of an object that is not there',
  // Its refusal has no words: it may be the key as well.
  HeadObject:
    's3:GetObject, and s3:ListBucket to be told of an object that is not there, and kms:Decrypt where the bucket has a key of your own',
  PutObject: 's3:PutObject',
  DeleteObject: 's3:DeleteObject',
  ListObjectsV2: 's3:ListBucket',
  HeadBucket: 's3:ListBucket',
};

function byRange(where: string, answer: { readonly status: number; readonly name: string }, error: unknown): S3Failure {
  const { status, name } = answer;
  if (transientStatuses.has(status) || transientNames.has(name)) return transient(where, error);
  if (status >= 400 && status < 500) return final(storeRefused(where, error));
  // A redirect says that the bucket lives elsewhere: a wrong region or endpoint, not a matter of trying again.
  if (status >= 300 && status < 400) return final(storeRefused(where, error));
  // 5xx, and a success whose answer could not be read.
  return transient(where, error);
}

function withoutAnswer(where: string, name: string, error: unknown): S3Failure {
  // The SDK found no credentials, so nothing was sent.
  if (name === 'CredentialsProviderError') return final(storeDenied(where, error));
  return transient(where, error);
}

/** Whether the connection broke while the body of the answer came. */
function wasCut(error: unknown): boolean {
  const code = field(error, 'code');
  return field(error, 'name') === 'TimeoutError' || (typeof code === 'string' && cutCodes.has(code));
}

const cutCodes: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE']);
/** A 404 about the object; the second is what HEAD gives, which has no body to name anything. */
const absentNames: ReadonlySet<string> = new Set(['NoSuchKey', 'NotFound']);
/** Answers that are about who asks, whatever their status: S3s differ in that. */
const deniedNames: ReadonlySet<string> = new Set([
  'AccessDenied',
  'AuthorizationHeaderMalformed',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidToken',
  'SignatureDoesNotMatch',
  'TokenRefreshRequired',
  'XAdminUserNotFound',
]);
/** 409 is a conflicting operation under way: it may be the other, or ours of before. */
const transientStatuses: ReadonlySet<number> = new Set([408, 409, 425, 429]);
/** 400s that are about the moment. */
const transientNames: ReadonlySet<string> = new Set(['RequestTimeout', 'Throttling', 'IncompleteBody', 'BadDigest']);

function final(error: LakeError): S3Failure {
  return { kind: 'final', error };
}

function transient(where: string, error: unknown): S3Failure {
  return { kind: 'transient', error: storeUnavailable(where, error) };
}

function statusOf(error: unknown): number | undefined {
  const fromMetadata = field(field(error, '$metadata'), 'httpStatusCode');
  const status = fromMetadata ?? field(field(error, '$response'), 'statusCode');
  return typeof status === 'number' && status >= 100 ? status : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
