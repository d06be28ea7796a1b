/**
 * A bad network: an HTTP proxy on loopback in front of a real S3, which does to requests and answers what networks and
 * overloaded services do. What happens to the n-th request follows from the seed alone.
 */
import { createServer, type IncomingMessage, request as requestTo, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { bodyOf, closeServer, listenOnLoopback, loopbackAddress } from '../../scripts/loopback.ts';
import { systemClock } from '../../src/base/clock.ts';
import { chance, seedOf } from '../simulation/chance.ts';

export const networkFaults = [
  /** The answer comes late. */
  'delay',
  /** 503 SlowDown; nothing was done. */
  'slow-down',
  /** 500 InternalError; nothing was done. */
  'internal-error',
  /** 409; nothing was done. */
  'conflict',
  /** The connection is reset before the request goes on. */
  'reset-before',
  /** It was done, and the connection is reset instead of an answer. */
  'answer-lost',
  /** It was done, and the store says 500. */
  'error-after',
  /** Fewer bytes than the answer's Content-Length says, then the end. */
  'torn-answer',
  /** The store gets the beginning of the body, then the end. */
  'torn-upload',
  /** No answer ever. */
  'hang',
] as const;
/** What a shard of Kinesis says when it is asked for more than it gives; nothing was done. */
export const throttled = 'throughput-exceeded';
export type NetworkFault = (typeof networkFaults)[number] | typeof throttled;

export type ProxySettings = {
  /** Base URL of the store. */
  readonly target: string;
  readonly seed: number;
  /** Of requests that meet a fault; may be changed meanwhile. */
  readonly faultShare: number;
};

const delayMsMax = 300;

type Exchange = { readonly request: IncomingMessage; readonly response: ServerResponse; readonly body: Buffer };

export class FaultyProxy implements AsyncDisposable {
  readonly #settings: ProxySettings;
  readonly #server: Server;
  readonly faultCounts: Record<NetworkFault, number> = {
    delay: 0,
    'slow-down': 0,
    'internal-error': 0,
    conflict: 0,
    'reset-before': 0,
    'answer-lost': 0,
    'error-after': 0,
    'torn-answer': 0,
    'torn-upload': 0,
    hang: 0,
    [throttled]: 0,
  };
  faultShare: number;
  /** Those that a request may meet. */
  faults: readonly NetworkFault[] = networkFaults;
  requestCount = 0;

  constructor(settings: ProxySettings) {
    this.#settings = settings;
    this.faultShare = settings.faultShare;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    // A signature covers the headers: they go on as they came, and connections are not kept, so that each can be reset.
    this.#server.keepAliveTimeout = 1;
  }

  static async start(settings: ProxySettings): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(settings);
    await listenOnLoopback(proxy.#server);
    return proxy;
  }

  get endpoint(): string {
    return `http://${loopbackAddress(this.#server)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeServer(this.#server);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    const ordinal = this.requestCount;
    this.requestCount += 1;
    // A client may go away before it has sent everything.
    const body = await bodyOf(request).catch(() => undefined);
    if (body === undefined) return;
    const exchange = { request, response, body };
    const fault = this.#faultOf(ordinal, exchange);
    if (fault !== undefined) this.faultCounts[fault] += 1;
    try {
      await this.#answer(exchange, fault, ordinal);
    } catch {
      // The store is away or cut the connection: so does the proxy.
      response.destroy();
    }
  }

  #faultOf(ordinal: number, { request, body }: Exchange): NetworkFault | undefined {
    const { seed } = this.#settings;
    if (chance(seedOf(seed, 'whether'), ordinal) >= this.faultShare) return undefined;
    const isUpload = request.method === 'PUT' && body.byteLength > 1;
    const possible = this.faults.filter(fault => fault !== 'torn-upload' || isUpload);
    return possible[Math.floor(chance(seedOf(seed, 'which'), ordinal) * possible.length)];
  }

  async #answer(exchange: Exchange, fault: NetworkFault | undefined, ordinal: number): Promise<void> {
    const { response } = exchange;
    const place = chance(seedOf(this.#settings.seed, 'place'), ordinal);
    switch (fault) {
      case 'slow-down':
        return refuse(response, 503, 'SlowDown');
      case 'internal-error':
        return refuse(response, 500, 'InternalError');
      case 'conflict':
        return refuse(response, 409, 'ConditionalRequestConflict');
      case throttled:
        return refuseThroughput(response);
      case 'reset-before':
        response.destroy();
        return;
      case 'hang':
        return;
      case 'torn-upload':
        await this.#sendPart(exchange, place);
        response.destroy();
        return;
      case 'answer-lost':
        await this.#forward(exchange);
        response.destroy();
        return;
      case 'error-after':
        await this.#forward(exchange);
        return refuse(response, 500, 'InternalError');
      case 'torn-answer':
        return tear(response, await this.#forward(exchange), place);
      default:
        if (fault === 'delay') await systemClock.sleep(place * delayMsMax);
        pass(response, await this.#forward(exchange));
    }
  }

  #forward({ request, body }: Exchange): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onward = requestTo(
        new URL(request.url ?? '/', this.#settings.target),
        { method: request.method, headers: rawHeaders(request), agent: false },
        answer => {
          const chunks: Buffer[] = [];
          answer.on('data', chunk => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () => resolve({ head: answer, body: Buffer.concat(chunks) }));
        },
      );
      onward.on('error', reject);
      onward.end(body);
    });
  }

  /** The store sees a request that announces all of its body and ends in the middle of it. */
  #sendPart({ request, body }: Exchange, place: number): Promise<void> {
    const { hostname, port } = new URL(this.#settings.target);
    const lines = [`${request.method} ${request.url} HTTP/1.1`];
    const { rawHeaders: raw } = request;
    for (let index = 0; index < raw.length; index += 2) lines.push(`${raw[index]}: ${raw[index + 1]}`);
    return new Promise(resolve => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(`${lines.join('\r\n')}\r\n\r\n`);
        socket.write(body.subarray(0, Math.floor(place * (body.byteLength - 1))));
        socket.end();
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
      socket.resume();
    });
  }
}

type Answer = { readonly head: IncomingMessage; readonly body: Buffer };

function rawHeaders(request: IncomingMessage): Record<string, string | string[] | undefined> {
  return { ...request.headers, connection: 'close' };
}

function pass(response: ServerResponse, { head, body }: Answer): void {
  response.writeHead(head.statusCode ?? 502, headersOf(head));
  response.end(body);
}

/** An answer without a body has nothing to tear: it is lost instead. */
function tear(response: ServerResponse, { head, body }: Answer, place: number): void {
  if (body.byteLength === 0) {
    response.destroy();
    return;
  }
  response.writeHead(head.statusCode ?? 502, { ...headersOf(head), 'content-length': body.byteLength });
  response.write(body.subarray(0, Math.floor(place * body.byteLength)), () => response.destroy());
}

function headersOf({ headers }: IncomingMessage): Record<string, string | string[] | undefined> {
  const { 'transfer-encoding': _, connection: __, ...rest } = headers;
  return rest;
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>bad network</Message></Error>`,
  );
}

function refuseThroughput(response: ServerResponse): void {
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' });
  const message = 'Rate exceeded for shard shardId-000000000000 in stream local under account 000000000000.';
  response.end(JSON.stringify({ __type: 'ProvisionedThroughputExceededException', message }));
}
