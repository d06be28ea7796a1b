/**
 * An HTTP interface as a handler of AWS Lambda behind a function URL that streams its answers (invoke mode
 * RESPONSE_STREAM, payload format 2.0).
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 * and https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
 */
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { invalid } from '../../base/errors.ts';
import type { Telemetry } from '../functions/telemetry.ts';
import type { InvocationContext } from '../functions/time-limit.ts';
import type { HttpApp, HttpEnvironment, RequestReport } from './app.ts';
import { failureJson, failureOf } from './failures.ts';

export type StreamedContext = InvocationContext & { readonly awsRequestId: string };

export type StreamedHandler = (event: unknown, answer: Writable, context: StreamedContext) => Promise<void>;

/** What the runtime of AWS Lambda has under the name `awslambda`. */
export type LambdaRuntime = {
  /** Marks a handler as one that streams. */
  streamifyResponse(handler: StreamedHandler): StreamedHandler;
  readonly HttpResponseStream: {
    /** A stream that begins with status and headers. */
    from(answer: Writable, prelude: Prelude): Writable;
  };
};

type Prelude = { readonly statusCode: number; readonly headers: Readonly<Record<string, string>> };

declare const awslambda: LambdaRuntime;

const eventSchema = z.object({
  rawPath: z.string().default('/'),
  rawQueryString: z.string().default(''),
  headers: z.record(z.string(), z.string()).default({}),
  requestContext: z.object({ http: z.object({ method: z.string() }) }),
  body: z.string().optional(),
  isBase64Encoded: z.boolean().optional(),
});

/** @param runtime the one it runs in, when not given */
export function streamedHandler(
  app: HttpApp,
  telemetry: Pick<Telemetry, 'observe'>,
  runtime: LambdaRuntime = awslambda,
): StreamedHandler {
  return runtime.streamifyResponse((event, answer, context) =>
    telemetry.observe(context, async invocation => {
      let last: RequestReport | undefined;
      const response = await responseTo(app, event, {
        context,
        requestId: context.awsRequestId,
        report: report => {
          last = report;
        },
      });
      const headers = Object.fromEntries(response.headers);
      const out = runtime.HttpResponseStream.from(answer, { statusCode: response.status, headers });
      // A reader that goes away ends the body, and with it whoever makes it.
      await pipeline(response.body === null ? Readable.from(['']) : Readable.fromWeb(response.body), out);
      invocation.report({ fields: { ...last }, metrics: {}, hasTrouble: (last?.status ?? 0) >= 500 });
    }),
  );
}

async function responseTo(app: HttpApp, event: unknown, environment: HttpEnvironment): Promise<Response> {
  let request: Request;
  try {
    request = parseUrlEvent(event);
  } catch (error) {
    const failure = failureOf(error);
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
    return new Response(failureJson(failure), { status: failure.status, headers });
  }
  return app.fetch(request, environment);
}

/** @throws LakeError `invalid` LAKE_BAD_EVENT */
export function parseUrlEvent(event: unknown): Request {
  const parsed = eventSchema.safeParse(event);
  if (!parsed.success) {
    throw invalid('LAKE_BAD_EVENT', `no request of a function URL: ${z.prettifyError(parsed.error)}`);
  }
  const { rawPath, rawQueryString, headers, requestContext, body, isBase64Encoded } = parsed.data;
  const { method } = requestContext.http;
  try {
    // The host's name plays no part; a path that looks like one must not become it.
    const url = new URL('https://lake.invalid');
    url.pathname = rawPath;
    url.search = rawQueryString;
    const hasBody = body !== undefined && method !== 'GET' && method !== 'HEAD';
    const bytes = hasBody ? Buffer.from(body, isBase64Encoded === true ? 'base64' : 'utf8') : undefined;
    return new Request(url, { method, headers, ...(bytes === undefined ? {} : { body: bytes }) });
  } catch (error) {
    throw invalid('LAKE_BAD_EVENT', 'the request has a method, a header or a path that HTTP does not have', {
      cause: error,
    });
  }
}
