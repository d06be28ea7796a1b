/**
 * The Runtime API of AWS Lambda for one execution environment: the HTTP interface by which the process in it asks for work
 * and gives its answers, streamed ones too.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { bodyOf, closeServer, listenOnLoopback, loopbackAddress } from '../loopback.ts';
import { type FunctionError, readFunctionError } from './function-error.ts';

export type Invocation = {
  readonly requestId: string;
  /** JSON. */
  readonly payload: string;
  /** Since 1970. */
  readonly deadlineMs: number;
  readonly functionArn: string;
  readonly traceId: string;
};

/** Where an answer goes while it comes. */
export type ResponseSink = {
  /** Before the first piece. */
  begin(head: { readonly contentType: string; readonly isStreaming: boolean }): void;
  write(piece: Uint8Array): Promise<void>;
};

export type RuntimeAnswer = { readonly kind: 'response' } | { readonly kind: 'error'; readonly error: FunctionError };

type Current = Invocation & { readonly sink: ResponseSink; readonly answer: (answer: RuntimeAnswer) => void };
type Exchange = { readonly request: IncomingMessage; readonly response: ServerResponse };

const invocationPath = /^\/2018-06-01\/runtime\/invocation\/([\w-]+)\/(response|error)$/;

export class RuntimeApi implements AsyncDisposable {
  readonly #server: Server;
  /** The runtime's request for work, held until there is some. */
  #asking: ServerResponse | undefined;
  #onAsked: (() => void) | undefined;
  #current: Current | undefined;
  readonly initError: Promise<FunctionError>;
  #failInit: (error: FunctionError) => void = () => undefined;

  constructor() {
    this.initError = new Promise(resolve => {
      this.#failInit = resolve;
    });
    this.#server = createServer((request, response) => {
      this.#serve({ request, response }).catch(() => response.destroy());
    });
    // A frozen process keeps its connections as they are, for as long as it is frozen.
    this.#server.keepAliveTimeout = 0;
    this.#server.requestTimeout = 0;
  }

  static async start(): Promise<RuntimeApi> {
    const api = new RuntimeApi();
    await listenOnLoopback(api.#server);
    return api;
  }

  /** For AWS_LAMBDA_RUNTIME_API. */
  get address(): string {
    return loopbackAddress(this.#server);
  }

  /** Resolves when the runtime waits for work: at the end of its start, and of each invocation. */
  asked(): Promise<void> {
    if (this.#asking !== undefined) return Promise.resolve();
    return new Promise(resolve => {
      this.#onAsked = resolve;
    });
  }

  /** Hands work to the runtime that has asked for it; resolves with its answer, if it lives to give one. */
  hand(invocation: Invocation, sink: ResponseSink): Promise<RuntimeAnswer> {
    const asking = this.#asking;
    if (asking === undefined) throw new Error('the runtime has not asked for work');
    this.#asking = undefined;
    return new Promise(answer => {
      this.#current = { ...invocation, sink, answer };
      asking.writeHead(200, {
        'content-type': 'application/json',
        'lambda-runtime-aws-request-id': invocation.requestId,
        'lambda-runtime-deadline-ms': String(Math.floor(invocation.deadlineMs)),
        'lambda-runtime-invoked-function-arn': invocation.functionArn,
        'lambda-runtime-trace-id': invocation.traceId,
      });
      asking.end(invocation.payload);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeServer(this.#server);
  }

  async #serve(exchange: Exchange): Promise<void> {
    const { method, url = '/' } = exchange.request;
    if (method === 'GET' && url === '/2018-06-01/runtime/invocation/next') {
      this.#asking = exchange.response;
      this.#onAsked?.();
      this.#onAsked = undefined;
      return;
    }
    if (method === 'POST' && url === '/2018-06-01/runtime/init/error') {
      this.#failInit(readFunctionError(await textOf(exchange.request), 'Runtime.Unknown'));
      accept(exchange.response);
      return;
    }
    const [, requestId, what] = invocationPath.exec(url) ?? [];
    const current = this.#current;
    if (method !== 'POST' || current === undefined || current.requestId !== requestId) {
      refuse(exchange.response);
      return;
    }
    if (what === 'error') {
      this.#answer({ kind: 'error', error: readFunctionError(await textOf(exchange.request)) });
    } else {
      this.#answer(await receive(exchange.request, current.sink));
    }
    accept(exchange.response);
  }

  #answer(answer: RuntimeAnswer): void {
    this.#current?.answer(answer);
    this.#current = undefined;
  }
}

/** A streamed answer can still fail after it has begun: then its trailers say so. */
async function receive(request: IncomingMessage, sink: ResponseSink): Promise<RuntimeAnswer> {
  const isStreaming = request.headers['lambda-runtime-function-response-mode'] === 'streaming';
  sink.begin({ contentType: request.headers['content-type'] ?? 'application/octet-stream', isStreaming });
  for await (const piece of request) await sink.write(piece);
  const errorType = request.trailers['lambda-runtime-function-error-type'];
  if (errorType === undefined) return { kind: 'response' };
  const body = Buffer.from(String(request.trailers['lambda-runtime-function-error-body'] ?? ''), 'base64');
  return { kind: 'error', error: readFunctionError(body.toString('utf8'), String(errorType)) };
}

async function textOf(request: IncomingMessage): Promise<string> {
  return (await bodyOf(request)).toString('utf8');
}

function accept(response: ServerResponse): void {
  response.writeHead(202, { 'content-type': 'application/json' });
  response.end('{"status":"OK"}\n');
}

/** As AWS does when an answer comes for what is not being done. */
function refuse(response: ServerResponse): void {
  response.writeHead(400, { 'content-type': 'application/json' });
  response.end('{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}\n');
}
