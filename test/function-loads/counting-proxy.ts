/** An HTTP proxy on loopback that counts the requests that a function makes of a service. */
import {
  Agent,
  createServer,
  type IncomingMessage,
  request as requestTo,
  type Server,
  type ServerResponse,
} from 'node:http';
import { closeServer, listenOnLoopback, loopbackAddress } from '../../scripts/loopback.ts';

export class CountingProxy implements AsyncDisposable {
  readonly #target: string;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  #count = 0;

  constructor(target: string) {
    this.#target = target;
    this.#server = createServer((request, response) => this.#forward(request, response));
  }

  /** @param target base URL of the service */
  static async start(target: string): Promise<CountingProxy> {
    const proxy = new CountingProxy(target);
    await listenOnLoopback(proxy.#server);
    return proxy;
  }

  get endpoint(): string {
    return `http://${loopbackAddress(this.#server)}`;
  }

  /** Requests since the last time. */
  take(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await closeServer(this.#server);
  }

  /** A signature covers the headers, so they go on as they came. */
  #forward(request: IncomingMessage, response: ServerResponse): void {
    this.#count += 1;
    const { method, headers } = request;
    const url = new URL(request.url ?? '/', this.#target);
    const onward = requestTo(url, { method, headers, agent: this.#agent }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  }
}
