/** An HTTP proxy on loopback that counts the requests that a function makes of a service. */
import {
  Agent,
  createServer,
  type IncomingMessage,
  request as requestTo,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

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
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get endpoint(): string {
    const address = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${address.port}`;
  }

  /** Requests since the last time. */
  take(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await new Promise(resolve => this.#server.close(resolve));
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
