/**
 * The local cloud's own HTTP interface: Lambda's Invoke call, so that AWS's tools can be pointed at it, and what MinIO says of
 * new objects.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { bodyOf, closeServer, listenOnLoopback, loopbackAddress } from '../loopback.ts';
import { type CreatedObject, parseBucketNotice } from './bucket-events.ts';
import type { LocalFunction } from './local-function.ts';

export type ControlSettings = {
  readonly functions: ReadonlyMap<string, LocalFunction>;
  /** Without waiting for the answer. */
  readonly call: (called: LocalFunction, payload: string) => void;
  readonly onObject: (object: CreatedObject) => void;
};

const invokePath = /^\/2015-03-31\/functions\/([^/?]+)\/invocations(\?|$)/;

export class ControlServer implements AsyncDisposable {
  readonly #settings: ControlSettings;
  readonly #server: Server;

  constructor(settings: ControlSettings) {
    this.#settings = settings;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) =>
        answer(response, { status: 500, body: JSON.stringify({ message: String(error) }) }),
      );
    });
  }

  listen(port: number): Promise<void> {
    return listenOnLoopback(this.#server, port);
  }

  get endpoint(): string {
    return `http://${loopbackAddress(this.#server)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeServer(this.#server);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await bodyOf(request)).toString('utf8');
    const { method, url = '/' } = request;
    if (url === '/bucket-events') {
      for (const object of parseBucketNotice(body)) this.#settings.onObject(object);
      answer(response, { status: 200, body: '' });
      return;
    }
    const asked = decodeURIComponent(invokePath.exec(url)?.[1] ?? '');
    const called = [...this.#settings.functions].find(([name, { spec }]) =>
      [name, spec.functionName, spec.functionArn].includes(asked),
    )?.[1];
    if (method !== 'POST' || called === undefined) {
      answer(response, { status: 404, body: JSON.stringify({ message: `Function not found: ${asked}` }) });
      return;
    }
    const payload = body === '' ? '{}' : body;
    const fault = jsonFault(payload);
    if (fault !== undefined) {
      const message = `Could not parse request body into json: ${fault}`;
      answer(response, {
        status: 400,
        body: JSON.stringify({ Type: 'User', message }),
        errorType: 'InvalidRequestContentException',
      });
      return;
    }
    if (request.headers['x-amz-invocation-type'] === 'Event') {
      this.#settings.call(called, payload);
      answer(response, { status: 202, body: '' });
      return;
    }
    const result = await called.invokeBuffered(payload);
    if (result.kind === 'response') answer(response, { status: 200, body: result.payload });
    else answer(response, { status: 200, body: JSON.stringify(result.error), isFunctionError: true });
  }
}

/** What is wrong with a text that is no JSON. */
function jsonFault(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

type HttpAnswer = {
  readonly status: number;
  readonly body: string;
  readonly isFunctionError?: boolean;
  /** Of a request that is refused. */
  readonly errorType?: string;
};

function answer(response: ServerResponse, { status, body, isFunctionError = false, errorType }: HttpAnswer): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'x-amz-executed-version': '$LATEST',
    ...(isFunctionError ? { 'x-amz-function-error': 'Unhandled' } : {}),
    ...(errorType === undefined ? {} : { 'x-amzn-errortype': errorType }),
  });
  response.end(body);
}
