/**
 * An HTTP interface made of routes: finds the route, gives it the time that is left, answers failures as JSON, and
 * describes itself. No CORS: browsers of other sites get nothing.
 */
import { Hono } from 'hono';
import { invalid } from '../../base/errors.ts';
import type { Purpose } from '../../metering/usage.ts';
import { type InvocationContext, timeLimit } from '../functions/time-limit.ts';
import { type Failure, failureJson, failureOf } from './failures.ts';
import { type Description, describeRoutes } from './openapi.ts';
import type { Answer, Call, Route, RouteParts } from './route.ts';
import { bodyOfPieces } from './text-stream.ts';

export type HttpService<P extends RouteParts> = Description & {
  readonly routes: readonly Route<P>[];
  /** Called for each request; keeps what it opened. */
  readonly open: () => Promise<P>;
};

export type RequestReport = {
  readonly requestId: string;
  readonly method: string;
  /** The route's, or the request's where there is no route. */
  readonly path: string;
  readonly status: number;
  /** Until the answer began. */
  readonly ms: number;
  readonly code?: string;
  /** Of an answer of status 500. */
  readonly error?: unknown;
};

/** What the surroundings say of a request. */
export type HttpEnvironment = {
  readonly context: InvocationContext;
  /** Of the invocation; a request that brings an id of its own keeps that. */
  readonly requestId: string;
  /** Told when the answer has begun, and once more when an answer that has begun fails. */
  readonly report: (report: RequestReport) => void;
};

export type HttpApp = {
  readonly fetch: (request: Request, environment: HttpEnvironment) => Promise<Response>;
};

const margins = { finishMs: 5_000, answerMs: 2_000 };
const requestIdPattern = /^[\w.:/=+-]{1,128}$/;
const retryAfterSeconds = '1';

export function httpApp<P extends RouteParts>(service: HttpService<P>): HttpApp {
  const hono = new Hono<{ Bindings: HttpEnvironment }>();
  const routes: readonly Route<P>[] = [...service.routes, descriptionRoute(service)];
  for (const route of routes) {
    hono.on(route.method, honoPath(route.path), context =>
      answered(service, route, {
        request: context.req.raw,
        environment: context.env,
        parameter: name => context.req.param(name) ?? '',
        query: context.req.query(),
      }),
    );
  }
  for (const path of new Set(routes.map(route => route.path))) {
    const allow = routes.filter(route => route.path === path).map(route => route.method);
    hono.all(honoPath(path), ({ req, env }) => {
      const error = invalid('LAKE_METHOD_NOT_ALLOWED', `${path} takes ${allow.join(', ')}`);
      return refused(env, reportOf(req.raw, env, path), error, { allow: allow.join(', ') });
    });
  }
  hono.notFound(({ req, env }) => {
    const error = invalid(
      'LAKE_PATH_NOT_FOUND',
      'there is nothing under this path; /v1/openapi.json says what there is',
    );
    return refused(env, reportOf(req.raw, env, req.path), error);
  });
  return { fetch: async (request, environment) => hono.fetch(request, environment) };
}

type Incoming = {
  readonly request: Request;
  readonly environment: HttpEnvironment;
  readonly parameter: (name: string) => string;
  readonly query: Readonly<Record<string, string>>;
};

/** Runs a route within the time there is. */
async function answered<P extends RouteParts>(
  service: HttpService<P>,
  route: Route<P>,
  { request, environment, parameter, query }: Incoming,
): Promise<Response> {
  const report = reportOf(request, environment, route.path);
  let invocation: Invocation | undefined;
  let isStreamed = false;
  try {
    const parts = await service.open();
    const startedMs = parts.clock.monotonicMs();
    const begun = (invocation = beginInvocation(parts, route, environment));
    const abandoned = new AbortController();
    const call: Call<P> = {
      ...{ parts, request, parameter, query },
      signal: AbortSignal.any([begun.late, abandoned.signal]),
      isAbandoned: () => abandoned.signal.aborted,
      failed: error => reportedFailure(environment, report, error),
    };
    const answer = await untilLate(begun, () => route.answer(call));
    const pieces = answer.kind === 'stream' ? piecesOf(answer.pieces, begun) : undefined;
    const first = pieces === undefined ? undefined : await untilLate(begun, () => pieces.next());
    environment.report({ ...report, status: 200, ms: Math.round(parts.clock.monotonicMs() - startedMs) });
    const headers = { ...commonHeaders(report.requestId), 'content-type': contentTypeOf(answer) };
    if (answer.kind === 'json') return new Response(answer.json, { headers });
    isStreamed = pieces !== undefined;
    const body =
      first === undefined || pieces === undefined ? null : bodyOfPieces(first, pieces, () => abandoned.abort());
    return new Response(body, { headers });
  } catch (error) {
    return refused(environment, report, error);
  } finally {
    if (!isStreamed) await invocation?.[Symbol.asyncDispose]();
  }
}

/** From the request's arrival to the end of its answer. */
type Invocation = AsyncDisposable & {
  /** Aborts when there is just enough time left to answer. */
  readonly late: AbortSignal;
};

function beginInvocation(
  parts: RouteParts,
  { purpose }: { readonly purpose: Purpose },
  { context }: HttpEnvironment,
): Invocation {
  const metered = parts.metering.invocation(purpose);
  const limit = timeLimit(parts.clock, context, margins);
  return {
    late: limit.signal,
    async [Symbol.asyncDispose]() {
      await limit[Symbol.asyncDispose]();
      await metered[Symbol.asyncDispose]();
    },
  };
}

/** What was thrown because the time is up says so. */
async function untilLate<T>({ late }: Invocation, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    late.throwIfAborted();
    throw error;
  }
}

/** The invocation ends with them. */
async function* piecesOf(
  pieces: AsyncGenerator<string, void, undefined>,
  invocation: Invocation,
): AsyncGenerator<string, void, undefined> {
  try {
    yield* pieces;
  } finally {
    await invocation[Symbol.asyncDispose]();
  }
}

type Reporting = Pick<HttpEnvironment, 'report'>;

function refused(
  environment: Reporting,
  report: RequestReport,
  error: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const failure = reportedFailure(environment, report, error);
  const { status } = failure;
  return new Response(failureJson(failure), {
    status,
    headers: {
      ...commonHeaders(report.requestId),
      'content-type': 'application/json',
      ...(status === 503 ? { 'retry-after': retryAfterSeconds } : {}),
      ...headers,
    },
  });
}

function reportedFailure(environment: Reporting, report: RequestReport, error: unknown): Failure {
  const failure = failureOf(error);
  const { status, code } = failure;
  environment.report({ ...report, status, code, ...(status === 500 ? { error } : {}) });
  return failure;
}

function reportOf(request: Request, environment: HttpEnvironment, path: string): RequestReport {
  const { method } = request;
  return { requestId: requestIdOf(request, environment), method, path, status: 0, ms: 0 };
}

function commonHeaders(requestId: string): Readonly<Record<string, string>> {
  return { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'x-request-id': requestId };
}

function contentTypeOf(answer: Answer): string {
  return answer.kind === 'json' ? 'application/json' : answer.contentType;
}

/** The caller's, when it is one that may stand in a log and a header. */
function requestIdOf(request: Request, { requestId }: HttpEnvironment): string {
  const given = request.headers.get('x-request-id');
  return given !== null && requestIdPattern.test(given) ? given : requestId;
}

function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function descriptionRoute<P extends RouteParts>(service: Pick<HttpService<P>, 'routes' | keyof Description>): Route {
  const route: Route = {
    method: 'GET',
    path: '/v1/openapi.json',
    id: 'describe',
    purpose: 'read',
    summary: 'This description',
    answers: { 'application/json': 'A description in OpenAPI 3.1' },
    answer: async () => ({ kind: 'json', json: JSON.stringify(describeRoutes(service, [...service.routes, route])) }),
  };
  return route;
}
