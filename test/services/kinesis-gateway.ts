/**
 * Stands before a Kinesis emulator: counts calls by operation, and speaks HTTP/2 to who begins in it, as the service does and
 * the emulators do not. Answers that are pushed go through as they come.
 */
import {
  createServer as createHttp1,
  type IncomingMessage,
  request as requestTo,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttp2, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
import { pipeline, type Writable } from 'node:stream';

export class KinesisGateway implements AsyncDisposable {
  readonly #target: string;
  readonly #counts = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  readonly #http1 = createHttp1((request, response) => this.#forward(request, response));
  readonly #http2 = createHttp2((request, response) => this.#forward(request, response));
  readonly #server = createSocketServer(socket => this.#greet(socket));
  /** Calls that came by HTTP/2. */
  http2Count = 0;

  private constructor(target: string) {
    this.#target = target;
  }

  static async start(target: string): Promise<KinesisGateway> {
    const gateway = new KinesisGateway(target);
    await new Promise<void>(resolve => gateway.#server.listen(0, '127.0.0.1', resolve));
    return gateway;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How often an operation was called: `GetRecords`. */
  count(operation: string): number {
    return this.#counts.get(operation) ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>(resolve => this.#server.close(() => resolve()));
  }

  /** Who speaks HTTP/2 without TLS says so in the first bytes. */
  #greet(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      const server = first.subarray(0, 3).toString() === 'PRI' ? this.#http2 : this.#http1;
      server.emit('connection', socket);
      process.nextTick(() => socket.resume());
    });
  }

  #forward(request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse): void {
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    this.#counts.set(operation, this.count(operation) + 1);
    if (request.httpVersionMajor === 2) this.http2Count += 1;
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !name.startsWith(':') && !perConnection.has(name)),
    );
    const inner = requestTo(new URL(request.url ?? '/', this.#target), { method: request.method ?? 'POST', headers });
    inner.on('response', answer => {
      for (const [name, value] of Object.entries(answer.headers)) {
        if (value !== undefined && !perConnection.has(name)) response.setHeader(name, value);
      }
      response.statusCode = answer.statusCode ?? 502;
      const outer: Writable = response;
      pipeline(answer, outer, () => inner.destroy());
    });
    inner.on('error', () => response.end());
    request.pipe(inner);
  }
}

/** They are about one connection alone, and HTTP/2 has none of them. */
const perConnection: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding']);
