/**
 * The local cloud's own HTTP interface: Lambda's Invoke call, so that AWS's tools can be pointed at it, and what MinIO says of
 * new objects.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { closeServer, listenOnLoopback, loopbackAddress } from '../loopback.ts';
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
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces).toString('utf8');
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

type HttpAnswer = { readonly status: number; readonly body: string; readonly isFunctionError?: boolean };

function answer(response: ServerResponse, { status, body, isFunctionError = false }: HttpAnswer): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'x-amz-executed-version': '$LATEST',
    ...(isFunctionError ? { 'x-amz-function-error': 'Unhandled' } : {}),
  });
  response.end(body);
}
