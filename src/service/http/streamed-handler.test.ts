/** A handler that streams, with a runtime of the test's. */
import { PassThrough, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { noSpans } from '../../base/spans.ts';
import type { Invocation, Report } from '../functions/telemetry.ts';
import type { HttpApp } from './app.ts';
import { type LambdaRuntime, parseUrlEvent, type StreamedContext, streamedHandler } from './streamed-handler.ts';

const context: StreamedContext = { awsRequestId: 'invocation-1', getRemainingTimeInMillis: () => 60_000 };

/** It writes the prelude as the first line. */
const runtime: LambdaRuntime = {
  streamifyResponse: handler => handler,
  HttpResponseStream: {
    from(answer, prelude) {
      answer.write(`${JSON.stringify(prelude)}\n`);
      return answer;
    },
  },
};

async function answered(app: HttpApp, event: unknown): Promise<{ text: string; report: Report | undefined }> {
  let report: Report | undefined;
  const telemetry = {
    observe: <T>(of: StreamedContext, work: (invocation: Invocation) => Promise<T>): Promise<T> =>
      work({
        getRemainingTimeInMillis: () => of.getRemainingTimeInMillis(),
        spans: noSpans,
        report: told => {
          report = told;
        },
      }),
  };
  const out = new PassThrough();
  const [chunks] = await Promise.all([
    Array.fromAsync(out),
    streamedHandler(app, telemetry, runtime)(event, out, context),
  ]);
  return { text: Buffer.concat(chunks).toString(), report };
}

const event = {
  rawPath: '/v1/tables/db.t%20x/rows',
  rawQueryString: 'a=1&b=%2F',
  headers: { 'content-type': 'application/json', 'x-request-id': 'r' },
  requestContext: { http: { method: 'POST' } },
  body: Buffer.from('{"a":"ä"}').toString('base64'),
  isBase64Encoded: true,
};

test('a request reaches the interface as it was sent, and its answer the reader with status and headers first', async () => {
  const echo: HttpApp = {
    async fetch(request, { requestId, report }) {
      report({ requestId, method: request.method, path: '/', status: 503, ms: 1, code: 'LAKE_X' });
      const { pathname, search } = new URL(request.url);
      const body = `${request.method} ${pathname}${search} ${request.headers.get('x-request-id')} ${await request.text()}`;
      return new Response(body, { status: 503, headers: { 'content-type': 'text/plain' } });
    },
  };
  const { text, report } = await answered(echo, event);
  expect(text.split('\n')).toEqual([
    '{"statusCode":503,"headers":{"content-type":"text/plain"}}',
    'POST /v1/tables/db.t%20x/rows?a=1&b=%2F r {"a":"ä"}',
  ]);
  expect(report).toMatchObject({ hasTrouble: true, fields: { requestId: 'invocation-1', code: 'LAKE_X' } });
});

test('what is no request of a function URL is refused with a status', async () => {
  const never: HttpApp = { fetch: () => Promise.reject(new Error('not asked')) };
  for (const wrong of [
    undefined,
    { Records: [] },
    { ...event, requestContext: { http: { method: 'CONNECT' } } },
    { ...event, headers: { 'bad header': 'x' } },
  ]) {
    expect((await answered(never, wrong)).text).toMatch(/^\{"statusCode":400,.*\n\{"error":\{"code":"LAKE_BAD_EVENT",/);
  }
});

test('a path that looks like a host is a path, and a GET has no body', () => {
  const request = parseUrlEvent({ ...event, rawPath: '//elsewhere/x', requestContext: { http: { method: 'GET' } } });
  expect(new URL(request.url)).toMatchObject({ host: 'lake.invalid', pathname: '//elsewhere/x' });
  expect(request.body).toBeNull();
});

test('a reader that goes away ends the answer', async () => {
  let isCancelled = false;
  const endless: HttpApp = {
    fetch: async () =>
      new Response(
        new ReadableStream<Uint8Array>({
          pull: controller => controller.enqueue(new Uint8Array(1_000)),
          cancel() {
            isCancelled = true;
          },
        }),
      ),
  };
  let taken = 0;
  const out = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      taken += chunk.length;
      done(taken > 100_000 ? new Error('gone') : null);
    },
  });
  const telemetry = {
    observe: <T>(of: StreamedContext, work: (invocation: Invocation) => Promise<T>): Promise<T> =>
      work({ getRemainingTimeInMillis: () => of.getRemainingTimeInMillis(), spans: noSpans, report: () => undefined }),
  };
  await expect(streamedHandler(endless, telemetry, runtime)(event, out, context)).rejects.toThrow('gone');
  expect(isCancelled).toBe(true);
});
