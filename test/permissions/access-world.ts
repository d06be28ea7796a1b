/**
 * A warehouse and its streams as a deployment of the template has them, where each function runs with the rights of its role
 * and with no others, and the test itself, through `lake`, with all.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { FunctionName } from '../../infra/definitions/functions.ts';
import { type Lake, type LakeSettings, openLake } from '../../src/index.ts';
import { FunctionHost } from '../services/function-host.ts';
import type { KinesisService } from '../services/kinesis-service.ts';
import { type DeniedRequest, PermissionGate } from '../services/permission-gate.ts';
import type { S3Service } from '../services/s3-service.ts';
import { streamArn } from './kinesis-actions.ts';
import { type ResolvedTemplate, resolveTemplate } from './resolve-template.ts';
import { bucketStatements, type Right, type RoleRights, rolesOf } from './role-rights.ts';
import { bucketArn } from './s3-actions.ts';

export type AccessServices = {
  readonly minio: S3Service;
  readonly kinesis: KinesisService;
  /** Folder of the bundles. */
  readonly bundles: string;
  readonly template: unknown;
};

export type AccessOptions = {
  /** Of the bucket and the streams; no other world's. */
  readonly name: string;
  /** The warehouse is this folder of the bucket; empty: all of it. */
  readonly folder?: string | undefined;
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  readonly keyArn?: string | undefined;
  /** One of `rightLabels` that is taken away. */
  readonly without?: string | undefined;
};

const commandLine = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** Whoever reads and appends from elsewhere has a role then, too; and with the commit log and columns to adopt no right is left out. */
const usualParameters = {
  GroupCommit: 'ON',
  AdoptColumns: 'ON',
  ReaderAccounts: '111111111111',
  ProducerAccounts: '111111111111',
};

export function roleOf(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}Role`;
}

export class AccessWorld implements AsyncDisposable {
  readonly services: AccessServices;
  readonly lake: Lake;
  readonly logStream: string;
  readonly commitStream: string;
  /** Where objects of the warehouse lie in the bucket. */
  readonly bucket: string;
  readonly folder: string;
  readonly #options: AccessOptions;
  readonly #hosts: FunctionHost[] = [];
  readonly #gates = new Map<string, PermissionGate>();
  readonly #addedAgeMs = new Map<string, number>();

  constructor(services: AccessServices, lake: Lake, options: AccessOptions) {
    this.services = services;
    this.lake = lake;
    this.#options = options;
    this.bucket = options.name;
    this.folder = options.folder === undefined ? '' : `${options.folder}/`;
    this.logStream = `${options.name}-log`;
    this.commitStream = `${options.name}-commits`;
  }

  static async open(services: AccessServices, options: AccessOptions): Promise<AccessWorld> {
    const { minio, kinesis } = services;
    await asRoot(minio, client => client.send(new CreateBucketCommand({ Bucket: options.name })));
    await kinesis.createStream(`${options.name}-log`, 1);
    await kinesis.createStream(`${options.name}-commits`, 1);
    return new AccessWorld(services, await openLake(lakeSettings(services, options)), options);
  }

  /** A container of a function, with its role's rights. */
  async start(name: FunctionName, env: Readonly<Record<string, string>> = {}): Promise<FunctionHost> {
    const { bundles } = this.services;
    const host = await FunctionHost.start({
      node: process.execPath,
      bundle: join(bundles, name, 'index.mjs'),
      env: { HOME: bundles, ...(await this.#environment(roleOf(name))), ...env },
    });
    this.#hosts.push(host);
    return host;
  }

  /** Runs the command line as somebody in a role. @throws Error with what it said, when it fails */
  async command(role: string, args: readonly string[], input: string = ''): Promise<string> {
    const env = { ...process.env, ...(await this.#environment(role)) };
    const child = spawn(process.execPath, [commandLine, ...args], { env });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const [stdout, stderr, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    if (status !== 0) throw new Error(stderr);
    return stdout;
  }

  async #environment(role: string): Promise<Readonly<Record<string, string>>> {
    const { region, credentials } = this.services.minio;
    const gate = await this.#gateOf(role);
    return {
      TIDELAKE_WAREHOUSE: warehouseOf(this.#options),
      TIDELAKE_LOG: `kinesis://${this.logStream}`,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_ENDPOINT_URL_S3: gate.s3Endpoint,
      AWS_ENDPOINT_URL_KINESIS: gate.kinesisEndpoint,
    };
  }

  /** Puts an object, as nobody with a role would. */
  async put(key: string, body: string = 'of no use'): Promise<void> {
    const put = new PutObjectCommand({ Bucket: this.bucket, Key: this.folder + key, Body: body });
    await asRoot(this.services.minio, client => client.send(put));
  }

  /** What the warehouse holds below a folder of it. */
  async keys(prefix: string): Promise<readonly string[]> {
    const { Contents = [] } = await asRoot(this.services.minio, client =>
      client.send(new ListObjectsV2Command({ Bucket: this.bucket, Prefix: this.folder + prefix })),
    );
    return Contents.map(({ Key: key = '' }) => key);
  }

  /** From now on the store says that objects of these keys, or below these folders, are older than they are. */
  age(prefix: string, ageMs: number): void {
    this.#addedAgeMs.set(this.folder + prefix, ageMs);
  }

  /** Labels of the rights without which some request would have been denied. */
  get needed(): ReadonlySet<string> {
    return new Set([...this.#gates.values()].flatMap(gate => [...gate.needed].map(right => this.#labelOf(right))));
  }

  get denied(): readonly (DeniedRequest & { readonly role: string })[] {
    return [...this.#gates].flatMap(([role, gate]) => gate.denied.map(request => ({ role, ...request })));
  }

  /** What all functions have printed. */
  get said(): string {
    return this.#hosts.map(({ said }) => said).join('');
  }

  get unknown(): readonly string[] {
    return [...this.#gates.values()].flatMap(gate => gate.unknown);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#hosts.map(host => host[Symbol.asyncDispose]()));
    await Promise.all([...this.#gates.values()].map(gate => gate[Symbol.asyncDispose]()));
    await this.lake[Symbol.asyncDispose]();
  }

  async #gateOf(role: string): Promise<PermissionGate> {
    const known = this.#gates.get(role);
    if (known !== undefined) return known;
    const found = this.#roles().find(each => each.role === role);
    if (found === undefined) throw new Error(`the template has no ${role}`);
    const { minio, kinesis } = this.services;
    const { without, keyArn } = this.#options;
    const gate = await PermissionGate.start({
      s3: minio.endpoint,
      kinesis: kinesis.endpoint,
      role: { ...found, rights: found.rights.filter(right => this.#labelOf(right) !== without) },
      bucketPolicy: bucketStatements(this.#resolved()),
      keyArn,
      addedAgeMs: key => Math.max(0, ...[...this.#addedAgeMs].map(([prefix, ms]) => (key.startsWith(prefix) ? ms : 0))),
    });
    this.#gates.set(role, gate);
    return gate;
  }

  #roles(): readonly RoleRights[] {
    return rolesOf(this.#resolved());
  }

  #resolved(): ResolvedTemplate {
    return resolvedFor(this.services.template, this.#options);
  }

  #labelOf(right: Right): string {
    return labelOf(this.#options.name, right);
  }
}

/**
 * All that the roles of a template may do: `IngestRole: s3:GetObject on WarehouseBucket/*.db/*`. The same in every world:
 * resources go by what the template calls them.
 */
export function rightLabels(template: unknown, parameters?: AccessOptions['parameters']): readonly string[] {
  const name = 'any';
  const roles = rolesOf(resolvedFor(template, { name, parameters }));
  return roles.flatMap(({ rights }) => rights.map(right => labelOf(name, right)));
}

function labelOf(name: string, { role, action, resource }: Right): string {
  const place = resource
    .replace(bucketArn(name), 'WarehouseBucket')
    .replace(streamArn(`${name}-log`), 'LogStream')
    .replace(streamArn(`${name}-commits`), 'CommitStream');
  return `${role}: ${action} on ${place}`;
}

function resolvedFor(template: unknown, { name, parameters }: AccessOptions): ResolvedTemplate {
  const values = {
    WarehouseBucket: name,
    'WarehouseBucket.Arn': bucketArn(name),
    LogStream: `${name}-log`,
    'LogStream.Arn': streamArn(`${name}-log`),
    CommitStream: `${name}-commits`,
    'CommitStream.Arn': streamArn(`${name}-commits`),
  };
  return resolveTemplate(template, { values, parameters: { ...usualParameters, ...parameters } });
}

async function asRoot<T>(
  { endpoint, region, credentials }: S3Service,
  action: (client: S3Client) => Promise<T>,
): Promise<T> {
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  try {
    return await action(client);
  } finally {
    client.destroy();
  }
}

function warehouseOf({ name, folder }: AccessOptions): string {
  return folder === undefined ? `s3://${name}` : `s3://${name}/${folder}`;
}

function lakeSettings({ minio, kinesis }: AccessServices, options: AccessOptions): LakeSettings {
  // The SDK's clients add to the credentials they are given, so only what is wanted is taken.
  const { accessKeyId, secretAccessKey } = minio.credentials;
  return {
    warehouse: warehouseOf(options),
    log: `kinesis://${options.name}-log`,
    s3: {
      endpoint: minio.endpoint,
      region: minio.region,
      accessKeyId,
      secretAccessKey,
      conditionalPutProbe: 'never',
    },
    kinesis: { endpoint: kinesis.endpoint, region: kinesis.region, accessKeyId, secretAccessKey },
  };
}
