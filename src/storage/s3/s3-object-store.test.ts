import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { isLakeError } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import type { ObjectStore } from '../object-store.ts';
import { failureOf, utf8 } from '../object-store-read.conformance.ts';
import { openS3ObjectStore } from './s3-object-store.ts';

// What real S3s here never answer: a server with a script, one answer a request.

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
const date = 'Tue, 24 Nov 2026 10:00:00 GMT';
const dateMs = Date.parse(date);

/** For tests in which a server does not answer. */
const requestTimeoutMsShort = 400;

async function withScript(
  answers: readonly Answer[],
  use: (store: ObjectStore, requestCount: () => number) => Promise<void>,
  requestTimeoutMs = requestTimeoutMsShort,
): Promise<void> {
  let count = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.on('error', () => undefined);
    response.setHeader('date', date);
    const answer = answers[Math.min(count, answers.length - 1)];
    count += 1;
    request.on('end', () => answer?.(request, response));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const settings = {
    bucket: 'bucket',
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    attemptsMax: 3,
    retryDelayMsMin: 1,
    retryDelayMsMax: 2,
    requestTimeoutMs,
  };
  try {
    await using store = await openS3ObjectStore(settings, { clock: systemClock, random: systemRandom });
    await use(store, () => count);
  } finally {
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  }
}

function failing(status: number, code: string, message: string = 'scripted'): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`);
  };
}

function object(body: string, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    const lastModified = 'Tue, 24 Nov 2026 09:00:00 GMT';
    response.writeHead(200, {
      etag: '"e"',
      'last-modified': lastModified,
      'content-length': String(body.length),
      ...headers,
    });
    response.end(body);
  };
}

const taken: Answer = (_request, response) => void response.writeHead(200, { etag: '"new"' }).end();
const hangUp: Answer = request => void request.socket.destroy();
const silence: Answer = () => undefined;

for (const [what, answer] of [
  ['409', failing(409, 'ConditionalRequestConflict')],
  ['500', failing(500, 'InternalError')],
  ['503', failing(503, 'SlowDown')],
  ['a lost connection', hangUp],
  ['silence', silence],
] as const) {
  test(`${what} leaves a conditional put unanswered after one try`, async () => {
    await withScript([answer, taken], async (store, requestCount) => {
      const outcome = await store.putIfAbsent('k', utf8('x'));
      if (outcome.status !== 'unanswered') expect.fail(outcome.status);
      expect(isLakeError(outcome.cause, 'LAKE_STORE_UNAVAILABLE')).toBe(true);
      expect(requestCount()).toBe(1);
    });
    await withScript([answer, taken], async (store, requestCount) => {
      expect((await store.putIfMatch('k', utf8('x'), '"e"')).status).toBe('unanswered');
      expect(requestCount()).toBe(1);
    });
  });

  test(`${what} makes an idempotent request try again, a bounded number of times`, async () => {
    await withScript([answer, answer, taken], async (store, requestCount) => {
      expect(await store.put('k', utf8('x'))).toEqual({ etag: '"new"', storeTimeMs: dateMs });
      expect(requestCount()).toBe(3);
    });
    await withScript([answer], async (store, requestCount) => {
      expect(isLakeError(await failureOf(store.get('k')), 'LAKE_STORE_UNAVAILABLE')).toBe(true);
      expect(requestCount()).toBe(3);
    });
  });
}

test('the outcomes of conditional puts carry the time of the store', async () => {
  await withScript([taken, failing(412, 'PreconditionFailed')], async store => {
    expect(await store.putIfAbsent('k', utf8('x'))).toEqual({ status: 'created', etag: '"new"', storeTimeMs: dateMs });
    expect(await store.putIfAbsent('k', utf8('x'))).toEqual({ status: 'exists', storeTimeMs: dateMs });
    expect(await store.putIfMatch('k', utf8('x'), '"e"')).toEqual({ status: 'mismatch', storeTimeMs: dateMs });
  });
});

test('a conditional put that the store refuses for good throws', async () => {
  for (const [answer, code] of [
    [failing(403, 'AccessDenied'), 'LAKE_STORE_DENIED'],
    [failing(400, 'ExpiredToken'), 'LAKE_STORE_DENIED'],
    [failing(404, 'NoSuchBucket'), 'LAKE_STORE_NOT_FOUND'],
    [failing(400, 'InvalidArgument'), 'LAKE_STORE_REFUSED'],
    [failing(301, 'PermanentRedirect'), 'LAKE_STORE_REFUSED'],
    [failing(501, 'NotImplemented'), 'LAKE_STORE_REFUSED'],
  ] as const) {
    await withScript([answer], async (store, requestCount) => {
      const failure = await failureOf(store.putIfAbsent('k', utf8('x')));
      expect(isLakeError(failure, code), String(failure)).toBe(true);
      expect(requestCount()).toBe(1);
    });
  }
});

test('a 404 that is not about the object is not an absent object', async () => {
  await withScript([failing(404, 'SomeOtherThing')], async store => {
    expect(isLakeError(await failureOf(store.get('k')), 'LAKE_STORE_REFUSED')).toBe(true);
    expect(isLakeError(await failureOf(store.delete('k')), 'LAKE_STORE_REFUSED')).toBe(true);
  });
});

test('a refusal whose words are cut off is asked again, since they may have said something else', async () => {
  const text = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchKey</Code></Error>';
  for (const status of [400, 403, 404]) {
    const cut: Answer = (_request, response) => {
      response.writeHead(status, { 'content-type': 'application/xml', 'content-length': String(text.length) });
      response.write(text.slice(0, 50));
      setImmediate(() => response.destroy());
    };
    await withScript([cut, failing(404, 'NoSuchKey')], async (store, requestCount) => {
      expect(await store.get('k')).toBeUndefined();
      expect(requestCount()).toBeGreaterThan(1);
    });
    await withScript([cut], async store => {
      const outcome = await store.putIfAbsent('k', utf8('x'));
      expect(outcome.status).toBe('unanswered');
      expect(isLakeError(await failureOf(store.get('k')), 'LAKE_STORE_UNAVAILABLE')).toBe(true);
    });
  }
});

test('a full store says so', async () => {
  await withScript([failing(507, 'XMinioStorageFull')], async store => {
    const failure = await failureOf(store.put('k', utf8('x')));
    expect(isLakeError(failure, 'LAKE_STORE_FULL') && failure.kind).toBe('unavailable');
  });
});

test('a body that ends early or stops is read again', async () => {
  const cut: Answer = (_request, response) => {
    response.writeHead(200, { 'content-length': '10', etag: '"e"', 'last-modified': date });
    response.write('half');
    setImmediate(() => response.destroy());
  };
  const stall: Answer = (_request, response) => {
    response.writeHead(200, { 'content-length': '10', etag: '"e"', 'last-modified': date });
    response.write('half');
  };
  await withScript([cut, stall, object('whole body')], async (store, requestCount) => {
    const found = await store.get('k');
    expect(Buffer.from(found?.bytes ?? []).toString()).toBe('whole body');
    expect(requestCount()).toBe(3);
  });
});

test('an object that is too large is refused at its announcement, or when more comes than may', async () => {
  const announced: Answer = (_request, response) => {
    const headers = {
      etag: '"e"',
      'last-modified': 'Tue, 24 Nov 2026 09:00:00 GMT',
      'content-length': '1099511627776',
    };
    response.writeHead(200, headers).write('x');
  };
  const endless: Answer = (_request, response) => {
    response.writeHead(200, { etag: '"e"', 'last-modified': 'Tue, 24 Nov 2026 09:00:00 GMT' });
    const more = (): void => {
      while (!response.destroyed && response.write(new Uint8Array(65_536)));
    };
    response.on('drain', more);
    more();
  };
  for (const answer of [announced, endless]) {
    await withScript([answer], async (store, requestCount) => {
      const failure = await failureOf(store.get('k', { bytesMax: 100_000 }));
      expect(isLakeError(failure, 'LAKE_OBJECT_TOO_LARGE')).toBe(true);
      // Asking again would not make it smaller.
      expect(requestCount()).toBe(1);
    });
  }
});

test('a store that ignores ranges is cut to the range, one that mistakes them is not believed', async () => {
  await withScript([object('0123456789')], async store => {
    expect(await store.getRange('k', { start: 2, end: 5 })).toEqual(utf8('234'));
    expect(await store.getRange('k', { start: 20, end: 25 })).toEqual(new Uint8Array());
  });
  await withScript([object('012', { 'content-range': 'bytes 0-2/10' })], async store => {
    expect(isLakeError(await failureOf(store.getRange('k', { start: 2, end: 5 })), 'LAKE_STORE_UNAVAILABLE')).toBe(
      true,
    );
  });
});

test('answers without a date are refused', async () => {
  const dateless: Answer = (_request, response) => {
    response.removeHeader('date');
    response.sendDate = false;
    response.writeHead(200, { etag: '"new"' }).end();
  };
  await withScript([dateless], async store => {
    expect(isLakeError(await failureOf(store.put('k', utf8('x'))), 'LAKE_STORE_NO_DATE')).toBe(true);
  });
});

test('a listing out of order is refused', async () => {
  const entry = (key: string): string =>
    `<Contents><Key>${key}</Key><Size>1</Size><LastModified>2026-11-24T09:00:00.000Z</LastModified></Contents>`;
  const listing: Answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/xml' });
    response.end(
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>${entry('b')}${entry('a')}</ListBucketResult>`,
    );
  };
  await withScript([listing], async store => {
    const failure = await failureOf(
      (async () => {
        for await (const _ of store.list(''));
      })(),
    );
    expect(isLakeError(failure, 'LAKE_STORE_LIST_ORDER')).toBe(true);
  });
});

test('an abort under way ends the wait; a conditional put is then unanswered', async () => {
  for (const answer of [silence, object('x'.repeat(10), { 'content-length': '20' })]) {
    await withScript([answer], async store => {
      const controller = new AbortController();
      const reason = new Error('enough');
      const reading = failureOf(store.get('k', { signal: controller.signal }));
      await systemClock.sleep(50);
      controller.abort(reason);
      expect(await reading).toBe(reason);
    });
  }
  await withScript([silence], async store => {
    const controller = new AbortController();
    const putting = store.putIfAbsent('k', utf8('x'), { signal: controller.signal });
    await systemClock.sleep(50);
    controller.abort(new Error('enough'));
    expect((await putting).status).toBe('unanswered');
  });
});

test('never more requests at a time than the limit', async () => {
  let running = 0;
  let peak = 0;
  const slow: Answer = (request, response) => {
    running += 1;
    peak = Math.max(peak, running);
    void systemClock.sleep(10).then(() => {
      running -= 1;
      taken(request, response);
    });
  };
  await withScript(
    [slow],
    async store => {
      await Promise.all(Array.from({ length: 200 }, (_, n) => store.put(`k${n}`, utf8('x'))));
      expect(peak).toBeLessThanOrEqual(64);
      expect(peak).toBeGreaterThan(1);
      // A request given up for time would be tried again while the server still has the first.
    },
    60_000,
  );
});

test('settings that make no sense are refused when the store is opened', async () => {
  const components = { clock: systemClock, random: systemRandom };
  const failure = await failureOf(openS3ObjectStore({ bucket: 'b', endpoint: 'localhost:9000' }, components));
  expect(isLakeError(failure, 'LAKE_BAD_SETTINGS')).toBe(true);
});

test('who may not do something is told what right it takes, and who is not known is not', async () => {
  await withScript([failing(403, 'AccessDenied')], async store => {
    const takes = async (action: Promise<unknown>): Promise<string | undefined> =>
      /this takes the right (.*?)(;|, and)/.exec(String(await failureOf(action)))?.[1];
    const drained = async (): Promise<void> => {
      for await (const _ of store.list('a/'));
    };
    expect(await takes(store.get('k', { bytesMax: 1 }))).toBe('s3:GetObject');
    expect(await takes(store.getRange('k', { start: 0, end: 1 }))).toBe('s3:GetObject');
    expect(await takes(store.head('k'))).toBe('s3:GetObject');
    expect(await takes(store.put('k', utf8('x')))).toBe('s3:PutObject');
    expect(await takes(store.putIfAbsent('k', utf8('x')))).toBe('s3:PutObject');
    expect(await takes(store.delete('k'))).toBe('s3:DeleteObject');
    expect(await takes(drained())).toBe('s3:ListBucket');
    const ofHead = String(await failureOf(store.head('k')));
    expect(ofHead).toContain('docs/rights.md');
    expect(ofHead).toContain('kms:Decrypt where the bucket has a key of your own');
  });
  const told = 'User: arn:aws:sts::1:r is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:x:1:key/k';
  await withScript([failing(403, 'AccessDenied', told)], async store => {
    const failure = String(await failureOf(store.get('k', { bytesMax: 1 })));
    expect(failure).toContain('this takes the right kms:Decrypt; give it');
  });
  for (const code of ['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'ExpiredToken']) {
    await withScript([failing(403, code)], async store => {
      const failure = await failureOf(store.put('k', utf8('x')));
      expect(isLakeError(failure, 'LAKE_STORE_DENIED')).toBe(true);
      expect(String(failure)).toContain('check the credentials');
    });
  }
});
