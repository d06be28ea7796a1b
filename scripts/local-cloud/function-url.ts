/**
 * The URL of a function: an HTTP request becomes an event, and the answer is streamed as it comes.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { bodyOf, closeServer, listenOnLoopback, loopbackAddress } from '../loopback.ts';
import type { LocalFunction } from './local-function.ts';
import { localAccountId } from './local-stack.ts';
import type { ResponseSink } from './runtime-api.ts';

const bodyBytesMax = 6 * 1024 * 1024;
const preludeType = 'application/vnd.awslambda.http-integration-response';
/** Between the head and the body of a streamed answer. */
const delimiter = Buffer.alloc(8);
const preludeBytesMax = 64 * 1024;

export class FunctionUrl implements AsyncDisposable {
  readonly #server: Server;
  readonly #called: LocalFunction;

  constructor(called: LocalFunction) {
    this.#called = called;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        called.spec.onLine(`the URL could not give an answer: ${String(error)}`);
        breakOff(response);
      });
    });
  }

  static async start(called: LocalFunction, port: number): Promise<FunctionUrl> {
    const url = new FunctionUrl(called);
    await listenOnLoopback(url.#server, port);
    return url;
  }

  get endpoint(): string {
    return `http://${loopbackAddress(this.#server)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeServer(this.#server);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    if (body.byteLength > bodyBytesMax) {
      refuse(response, 413, 'Request Entity Too Large');
      return;
    }
    const sink = new HttpSink(response);
    const answer = await this.#called.invoke(JSON.stringify(urlEvent(request, body)), sink);
    if (answer.kind === 'response') sink.end();
    else breakOff(response);
  }
}

/** Takes the head of the answer from its beginning, when it is streamed, or all of it from its end. */
class HttpSink implements ResponseSink {
  readonly #response: ServerResponse;
  #kind: 'prelude' | 'body' | 'whole' = 'whole';
  #held: Buffer = Buffer.alloc(0);

  constructor(response: ServerResponse) {
    this.#response = response;
    response.on('error', () => undefined);
  }

  begin({ contentType, isStreaming }: { readonly contentType: string; readonly isStreaming: boolean }): void {
    if (!isStreaming) return;
    this.#kind = contentType === preludeType ? 'prelude' : 'body';
    if (this.#kind === 'body') this.#response.writeHead(200, { 'content-type': contentType });
  }

  async write(piece: Uint8Array): Promise<void> {
    if (this.#kind === 'body') {
      await this.#send(piece);
      return;
    }
    this.#held = Buffer.concat([this.#held, piece]);
    if (this.#kind === 'whole') return;
    const end = this.#held.indexOf(delimiter);
    if (end < 0) {
      if (this.#held.byteLength > preludeBytesMax) throw new Error('the head of the answer has no end');
      return;
    }
    this.#kind = 'body';
    writeHead(this.#response, JSON.parse(this.#held.subarray(0, end).toString('utf8')));
    await this.#send(this.#held.subarray(end + delimiter.byteLength));
  }

  /** A caller that has gone does not end the invocation, as on AWS. */
  async #send(piece: Uint8Array): Promise<void> {
    if (piece.byteLength === 0 || this.#response.destroyed || this.#response.write(piece)) return;
    await new Promise<void>(resolve => {
      const done = (): void => {
        this.#response.off('drain', done).off('close', done);
        resolve();
      };
      this.#response.once('drain', done).once('close', done);
    });
  }

  end(): void {
    if (this.#kind === 'body') {
      this.#response.end();
      return;
    }
    const text = this.#held.toString('utf8');
    const { statusCode, headers, cookies, body, isBase64Encoded } = Object(JSON.parse(text === '' ? 'null' : text));
    if (statusCode === undefined) {
      writeHead(this.#response, { statusCode: 200, headers: { 'content-type': 'application/json' } });
      this.#response.end(text);
      return;
    }
    writeHead(this.#response, { statusCode, headers, cookies });
    this.#response.end(isBase64Encoded === true ? Buffer.from(String(body), 'base64') : String(body ?? ''));
  }
}

function writeHead(response: ServerResponse, head: unknown): void {
  const { statusCode, headers, cookies } = Object(head);
  for (const [name, value] of Object.entries(Object(headers))) response.setHeader(name, String(value));
  if (Array.isArray(cookies) && cookies.length > 0) response.setHeader('set-cookie', cookies.map(String));
  response.writeHead(Number(statusCode ?? 200));
}

/** An answer that has begun is torn, so that nobody takes it for a whole one. */
function breakOff(response: ServerResponse): void {
  if (response.headersSent) response.destroy();
  else refuse(response, 502, 'Internal Server Error');
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ message }));
}

/** Payload format 2.0. */
function urlEvent(request: IncomingMessage, body: Buffer): unknown {
  const { pathname, search, searchParams } = new URL(request.url ?? '/', 'http://local');
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)]);
  const isText = /json|text|xml|javascript/.test(request.headers['content-type'] ?? 'text');
  const now = new Date();
  const host = request.headers.host ?? '';
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: pathname,
    rawQueryString: search.slice(1),
    headers: Object.fromEntries(headers),
    ...(request.headers.cookie === undefined ? {} : { cookies: request.headers.cookie.split('; ') }),
    ...(search === '' ? {} : { queryStringParameters: Object.fromEntries(searchParams) }),
    requestContext: {
      accountId: localAccountId,
      apiId: 'local',
      authentication: null,
      ...signer(request.headers.authorization),
      domainName: host,
      domainPrefix: 'local',
      http: {
        method: request.method,
        path: pathname,
        protocol: 'HTTP/1.1',
        sourceIp: request.socket.remoteAddress,
        userAgent: request.headers['user-agent'],
      },
      requestId: randomUUID(),
      routeKey: '$default',
      stage: '$default',
      time: now.toUTCString(),
      timeEpoch: now.getTime(),
    },
    ...(body.byteLength === 0 ? {} : { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: body.byteLength > 0 && !isText,
  };
}

/** Who signed the request, as it says itself: signatures are not checked here. */
function signer(authorization: string | undefined): { readonly authorizer?: unknown } {
  const accessKey = /^AWS4-HMAC-SHA256 Credential=([^/]+)\//.exec(authorization ?? '')?.[1];
  if (accessKey === undefined) return {};
  const userArn = `arn:aws:iam::${localAccountId}:user/${accessKey}`;
  return {
    authorizer: { iam: { accessKey, accountId: localAccountId, callerId: accessKey, userArn, userId: accessKey } },
  };
}
