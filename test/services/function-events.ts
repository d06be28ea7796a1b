/** The events that functions are called with, as AWS makes them. */

/** Of EventBridge, for a new object in a bucket. */
export function objectCreatedEvent(bucket: string, key: string): unknown {
  return {
    version: '0',
    source: 'aws.s3',
    'detail-type': 'Object Created',
    detail: { version: '0', bucket: { name: bucket }, object: { key, size: 1_000 }, reason: 'PutObject' },
  };
}

export type UrlRequest = {
  readonly method: string;
  readonly path: string;
  /** Without its question mark. */
  readonly query?: string;
  /** JSON. */
  readonly body?: string;
};

/** Of a function's URL. */
export function urlEvent({ method, path, query = '', body }: UrlRequest): unknown {
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers: { 'content-type': 'application/json', host: 'function.lambda-url.us-east-1.on.aws' },
    requestContext: { domainName: 'function', http: { method, path, sourceIp: '127.0.0.1', userAgent: 'test' } },
    isBase64Encoded: false,
    body,
  };
}

export function sqlEvent(sql: string): unknown {
  return urlEvent({ method: 'POST', path: '/sql', body: JSON.stringify({ sql }) });
}
