/**
 * Which rights a request to S3 needs.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
 */
import type { IncomingHttpHeaders } from 'node:http';

/** An action on a resource, and the condition keys that come with it. */
export type NeededRight = {
  readonly action: string;
  readonly resource: string;
  readonly context: Readonly<Record<string, string>>;
};

export type S3RequestHead = {
  readonly method: string;
  /** Path and query as sent, with the bucket in the path. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
};

export type S3Needs = {
  /** All of them. */
  readonly rights: readonly NeededRight[];
  /**
   * Needed to be told that the object is not there: who may not list gets 403 then. It is asked without the condition keys
   * of a list, since the request has none.
   */
  readonly absence: NeededRight | undefined;
};

export function bucketArn(bucket: string): string {
  return `arn:aws:s3:::${bucket}`;
}

/** @throws Error about a request that is not known here */
export function s3Needs({ method, url, headers }: S3RequestHead): S3Needs {
  const { pathname, searchParams } = new URL(url, 'http://s3');
  const [bucket = '', ...segments] = pathname.slice(1).split('/');
  const key = segments.map(decodeURIComponent).join('/');
  const bucketResource = bucketArn(bucket);
  const query = new Set([...searchParams.keys()].filter(name => subresources.has(name)));
  const list: NeededRight = { action: 's3:ListBucket', resource: bucketResource, context: {} };
  if (bucket === '') throw unknown(method, url);
  if (key === '') return { rights: [bucketRight(method, url, { list, query, searchParams })], absence: undefined };
  const object = (action: string): NeededRight => ({ action, resource: `${bucketResource}/${key}`, context: {} });
  const actions = objectActions(method, query, headers);
  if (actions === undefined) throw unknown(method, url);
  const source = headers['x-amz-copy-source'];
  const copied = source === undefined ? [] : [copiedRight(String(source))];
  const canBeAbsent = actions.includes('s3:GetObject');
  return { rights: [...actions.map(object), ...copied], absence: canBeAbsent ? list : undefined };
}

/** Query parameters that make another operation of a request; all others are its arguments. */
const subresources: ReadonlySet<string> = new Set(
  `accelerate acl analytics attributes cors delete encryption intelligent-tiering inventory legal-hold lifecycle location
   logging metrics notification object-lock ownershipControls partNumber policy policyStatus publicAccessBlock replication
   requestPayment restore retention select tagging torrent uploadId uploads versionId versioning versions website`
    .trim()
    .split(/\s+/),
);

function bucketRight(
  method: string,
  url: string,
  { list, query, searchParams }: { list: NeededRight; query: ReadonlySet<string>; searchParams: URLSearchParams },
): NeededRight {
  if (method === 'GET' && query.has('location')) return { ...list, action: 's3:GetBucketLocation' };
  if (method === 'GET' && query.has('uploads')) return { ...list, action: 's3:ListBucketMultipartUploads' };
  if (query.size > 0) throw unknown(method, url);
  if (method === 'HEAD') return list;
  if (method !== 'GET') throw unknown(method, url);
  const keys = ['prefix', 'delimiter', 'max-keys'] as const;
  const context = keys.flatMap(name => {
    const value = searchParams.get(name);
    return value === null ? [] : [[`s3:${name}`, value] as const];
  });
  return { ...list, context: Object.fromEntries(context) };
}

/** undefined: not known here. */
function objectActions(
  method: string,
  query: ReadonlySet<string>,
  headers: IncomingHttpHeaders,
): readonly string[] | undefined {
  const only = [...query].toSorted().join(' ');
  switch (`${method} ${only}`.trim()) {
    case 'GET':
    case 'HEAD':
      return ['s3:GetObject'];
    case 'GET versionId':
    case 'HEAD versionId':
      return ['s3:GetObjectVersion'];
    case 'GET uploadId':
      return ['s3:ListMultipartUploadParts'];
    case 'PUT':
      return putActions(headers);
    case 'POST uploads':
    case 'PUT partNumber uploadId':
    case 'POST uploadId':
      return ['s3:PutObject'];
    case 'DELETE':
      return ['s3:DeleteObject'];
    case 'DELETE versionId':
      return ['s3:DeleteObjectVersion'];
    case 'DELETE uploadId':
      return ['s3:AbortMultipartUpload'];
    default:
      return undefined;
  }
}

/** If-Match looks at the object that is there, so it needs to be read as well; If-None-Match does not. */
function putActions(headers: IncomingHttpHeaders): readonly string[] {
  const actions = ['s3:PutObject'];
  if (headers['if-match'] !== undefined) actions.push('s3:GetObject');
  if (headers['x-amz-tagging'] !== undefined) actions.push('s3:PutObjectTagging');
  if (Object.keys(headers).some(name => /^x-amz-(acl|grant-)/.test(name))) actions.push('s3:PutObjectAcl');
  return actions;
}

function copiedRight(source: string): NeededRight {
  const [path = '', version] = decodeURIComponent(source).replace(/^\//, '').split('?versionId=');
  const action = version === undefined ? 's3:GetObject' : 's3:GetObjectVersion';
  return { action, resource: bucketArn(path), context: {} };
}

function unknown(method: string, url: string): Error {
  return new Error(`nobody knows here what rights ${method} ${url} needs`);
}
