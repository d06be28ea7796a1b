/**
 * AWS's permissions in front of a real S3 and a Kinesis emulator, which have none of their own: a role gets two addresses,
 * each request to them is let through when the role's policies and the bucket's allow it, and is denied in AWS's words when
 * not. Who asks is told by the address and not by a key, so that requests go on as they were signed.
 *
 * It notes what was denied, and of each right whether some request was allowed by nothing else.
 */
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestTo,
  type Server,
  type ServerResponse,
} from 'node:http';
import { Socket } from 'node:net';
import { bodyOf, closeServer, listenOnLoopback, loopbackAddress } from '../../scripts/loopback.ts';
import { probePrefix } from '../../src/storage/conditional-put-probe.ts';
import { type AccessDecision, decideAccess } from '../permissions/evaluate.ts';
import { KinesisNeeds } from '../permissions/kinesis-actions.ts';
import type { PolicyStatement } from '../permissions/policy.ts';
import { deployedRegion } from '../permissions/resolve-template.ts';
import type { Right, RoleRights } from '../permissions/role-rights.ts';
import { type NeededRight, s3Needs } from '../permissions/s3-actions.ts';

export type GateSettings = {
  /** Base URLs of the services. */
  readonly s3: string;
  readonly kinesis: string;
  readonly role: RoleRights;
  readonly bucketPolicy: readonly PolicyStatement[];
  /** The key that the bucket and the streams are encrypted with: whoever uses these uses it. */
  readonly keyArn?: string | undefined;
  /** How much older the store makes an object than it is: what maintenance removes must be old. */
  readonly addedAgeMs?: ((key: string) => number) | undefined;
};

export type DeniedRequest = { readonly action: string; readonly resource: string };

type Exchange = { readonly request: IncomingMessage; readonly response: ServerResponse; readonly body: Buffer };
type Answer = { readonly head: IncomingMessage; readonly body: Buffer };
type Given = Answer & { readonly headers: IncomingHttpHeaders };

/** What an action on encrypted data does with the key. */
const keyActions: Readonly<Record<string, string>> = {
  's3:GetObject': 'kms:Decrypt',
  's3:PutObject': 'kms:GenerateDataKey',
  'kinesis:GetRecords': 'kms:Decrypt',
  'kinesis:PutRecord': 'kms:GenerateDataKey',
  'kinesis:PutRecords': 'kms:GenerateDataKey',
};

/** Kinesis does not say what it could not do with the key. */
const keyDeniedMessage = 'The ciphertext refers to a key that does not exist or that you do not have access to.';

export class PermissionGate implements AsyncDisposable {
  readonly #settings: GateSettings;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #kinesisNeeds = new KinesisNeeds();
  readonly #s3: Server;
  readonly #kinesis: Server;
  /** Rights without which some request would have been denied. */
  readonly needed: Set<Right> = new Set<Right>();
  readonly denied: DeniedRequest[] = [];
  /** Requests of which nobody knows here what they need; they are refused. */
  readonly unknown: string[] = [];

  constructor(settings: GateSettings) {
    this.#settings = settings;
    this.#s3 = createServer((request, response) => void this.#serve(request, response, this.#passS3));
    this.#kinesis = createServer((request, response) => void this.#serve(request, response, this.#passKinesis));
  }

  static async start(settings: GateSettings): Promise<PermissionGate> {
    const gate = new PermissionGate(settings);
    for (const server of [gate.#s3, gate.#kinesis]) {
      await listenOnLoopback(server);
    }
    return gate;
  }

  get s3Endpoint(): string {
    return endpointOf(this.#s3);
  }

  get kinesisEndpoint(): string {
    return endpointOf(this.#kinesis);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [this.#s3, this.#kinesis]) {
      await closeServer(server);
    }
    this.#agent.destroy();
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    pass: (exchange: Exchange) => Promise<void>,
  ): Promise<void> {
    response.on('error', () => undefined);
    try {
      const body = await bodyOf(request);
      await pass({ request, response, body });
    } catch (error) {
      // A client that went away, or a service that did: its connection ends as well.
      if (response.headersSent || response.socket instanceof Socket === false) return;
      response.destroy(error instanceof Error ? error : undefined);
    }
  }

  readonly #passS3 = async (exchange: Exchange): Promise<void> => {
    const { request, response } = exchange;
    const needs = this.#known(() =>
      s3Needs({ method: request.method ?? '', url: request.url ?? '', headers: request.headers }),
    );
    if (isProbe(request)) return give(response, headersOf(await this.#forward(this.#settings.s3, exchange)));
    if (needs === undefined) return refuseS3(request, response, { status: 501, code: 'NotImplemented', message: '' });
    for (const right of needs.rights.flatMap(each => [each, ...this.#keyRight(each)])) {
      const message = this.#refusal(right);
      if (message !== undefined) return refuseS3(request, response, { status: 403, code: 'AccessDenied', message });
    }
    const answer = await this.#forward(this.#settings.s3, exchange);
    if (answer.head.statusCode === 404 && needs.absence !== undefined && isAbsent(request, answer)) {
      const message = this.#refusal(needs.absence);
      if (message !== undefined) return refuseS3(request, response, { status: 403, code: 'AccessDenied', message });
    }
    give(response, this.#aged(request, answer));
  };

  readonly #passKinesis = async (exchange: Exchange): Promise<void> => {
    const { request, response, body } = exchange;
    const target = String(request.headers['x-amz-target']);
    const right = this.#known(() => this.#kinesisNeeds.of(target, JSON.parse(body.toString('utf8') || '{}')));
    if (right === undefined) return refuseKinesis(response, 'UnknownOperationException', target);
    for (const each of [right, ...this.#keyRight(right)]) {
      const message = this.#refusal(each);
      if (message === undefined) continue;
      return each === right
        ? refuseKinesis(response, 'AccessDeniedException', message)
        : refuseKinesis(response, 'KMSAccessDeniedException', keyDeniedMessage);
    }
    const answer = await this.#forward(this.#settings.kinesis, exchange);
    if (answer.head.statusCode === 200 && answer.body.length > 0) {
      this.#kinesisNeeds.learn(right, JSON.parse(answer.body.toString('utf8')));
    }
    give(response, headersOf(answer));
  };

  /** S3 and Kinesis use the key in the caller's name. */
  #keyRight({ action }: NeededRight): readonly NeededRight[] {
    const { keyArn } = this.#settings;
    const keyAction = keyActions[action];
    if (keyArn === undefined || keyAction === undefined) return [];
    const service = `${action.split(':')[0]}.${deployedRegion}.amazonaws.com`;
    return [{ action: keyAction, resource: keyArn, context: { 'kms:ViaService': service } }];
  }

  #aged(request: IncomingMessage, { head, body }: Answer): Given {
    const { addedAgeMs } = this.#settings;
    if (addedAgeMs === undefined) return headersOf({ head, body });
    const agedTime = (time: string, key: string): Date => new Date(Date.parse(time) - addedAgeMs(key));
    const key = decodeURIComponent(new URL(request.url ?? '/', 'http://s3').pathname.split('/').slice(2).join('/'));
    const { 'last-modified': modified } = head.headers;
    const headers =
      modified === undefined
        ? head.headers
        : { ...head.headers, 'last-modified': agedTime(modified, key).toUTCString() };
    if (key !== '' || request.method !== 'GET') return { head, headers, body };
    const text = body
      .toString('utf8')
      .replaceAll(
        /<Key>([^<]*)<\/Key>\s*<LastModified>([^<]*)<\/LastModified>/g,
        (_, listed: string, time: string) =>
          `<Key>${listed}</Key><LastModified>${agedTime(time, decodeURIComponent(listed)).toISOString()}</LastModified>`,
      );
    const listing = Buffer.from(text);
    return { head, headers: { ...headers, 'content-length': String(listing.byteLength) }, body: listing };
  }

  #known<T>(needs: () => T): T | undefined {
    try {
      return needs();
    } catch (error) {
      this.unknown.push(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** undefined: it is allowed. Otherwise why not, as AWS says it. */
  #refusal({ action, resource, context }: NeededRight): string | undefined {
    const { role, bucketPolicy } = this.#settings;
    // The functions speak TLS to AWS; here everything is on one machine.
    const request = { principal: role.arn, action, resource, context: { ...context, 'aws:SecureTransport': 'true' } };
    const rights = new Map(role.rights.map(right => [right.statement, right]));
    const identity = [...rights.keys(), ...role.denials];
    const decision = decideAccess(request, { identity, resource: action.startsWith('s3:') ? bucketPolicy : [] });
    if (decision.status === 'allowed') {
      const [only, ...others] = decision.by;
      const right = only === undefined || others.length > 0 ? undefined : rights.get(only);
      if (right !== undefined) this.needed.add(right);
      return undefined;
    }
    this.denied.push({ action, resource });
    return deniedMessage(role, { action, resource }, decision);
  }

  #forward(target: string, { request, body }: Exchange): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onward = requestTo(
        new URL(request.url ?? '/', target),
        // The signature covers the headers, the name of the host among them.
        { method: request.method, headers: request.headers, agent: this.#agent },
        head => bodyOf(head).then(answer => resolve({ head, body: answer }), reject),
      );
      onward.on('error', reject);
      onward.end(body);
    });
  }
}

function endpointOf(server: Server): string {
  return `http://${loopbackAddress(server)}`;
}

/** Stores that are not AWS's are tried out before they are relied on; on AWS there are no such requests. */
function isProbe({ url }: IncomingMessage): boolean {
  return url?.includes(`/${probePrefix}`) === true;
}

function headersOf(answer: Answer): Given {
  return { ...answer, headers: answer.head.headers };
}

/** A missing bucket or upload is told to everybody; HEAD has no body to tell. */
function isAbsent(request: IncomingMessage, { body }: Answer): boolean {
  return request.method === 'HEAD' || body.includes('<Code>NoSuchKey</Code>');
}

function deniedMessage(
  { role, arn }: RoleRights,
  { action, resource }: DeniedRequest,
  { status }: AccessDecision,
): string {
  const user = `${arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/${role}`;
  const why =
    status === 'explicit-deny'
      ? 'with an explicit deny in a policy'
      : `because no identity-based policy allows the ${action} action`;
  return `User: ${user} is not authorized to perform: ${action} on resource: "${resource}" ${why}`;
}

function refuseS3(
  request: IncomingMessage,
  response: ServerResponse,
  { status, code, message }: { readonly status: number; readonly code: string; readonly message: string },
): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  const text = message.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${text}</Message></Error>`;
  response.end(request.method === 'HEAD' ? undefined : body);
}

function refuseKinesis(response: ServerResponse, type: string, message: string): void {
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' });
  response.end(JSON.stringify({ __type: type, message }));
}

function give(response: ServerResponse, { head, headers, body }: Given): void {
  const { 'transfer-encoding': _, connection: __, ...kept } = headers;
  // The length of what a HEAD is about stays; of a body that came in chunks it is known now.
  const length = kept['content-length'] === undefined ? { 'content-length': body.byteLength } : {};
  response.writeHead(head.statusCode ?? 502, { ...kept, ...length });
  response.end(body);
}
