/**
 * The lake's stack on this machine: MinIO and a Kinesis emulator in the place of S3 and Kinesis, and a host of our own in the
 * place of Lambda and EventBridge, which runs the bundled functions as the CloudFormation template says.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { warehouseTemplate } from '../../infra/definitions/template.ts';
import type { LakeSettings } from '../../src/service/settings.ts';
import type { ServicePlace } from '../../test/services/child-service.ts';
import { startKinesalite } from '../../test/services/kinesalite.ts';
import type { KinesisService } from '../../test/services/kinesis-service.ts';
import { startMinio } from '../../test/services/minio.ts';
import type { S3Service } from '../../test/services/s3-service.ts';
import { olderNode } from '../older-node.ts';
import { AsynchronousCalls } from './asynchronous-calls.ts';
import { notificationVariables, notifyOfObjects } from './bucket-events.ts';
import { Checkpoints } from './checkpoints.ts';
import { ControlServer } from './control-server.ts';
import { EventBus } from './event-bus.ts';
import { FunctionUrl } from './function-url.ts';
import type { InvocationReport } from './invocation-report.ts';
import { LocalFunction } from './local-function.ts';
import { LocalQueue } from './local-queue.ts';
import { type LocalFunctionPlan, type LocalStack, localStack } from './local-stack.ts';
import { StreamMapping } from './stream-mapping.ts';

export type LocalCloudSettings = {
  /** The folder with a bundle for each function. */
  readonly bundles: string;
  /** For checkpoints, queues, and the data of the services unless these are temporary. */
  readonly folder: string;
  /** The first of those that are used; any when not given, and then the services keep nothing. */
  readonly firstPort?: number | undefined;
  /** Only what things are kept in, for those who run the functions otherwise. */
  readonly withoutFunctions?: boolean | undefined;
  /** Parameters of the template. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  /** Other values for single functions, by name. */
  readonly changed?: Readonly<Record<string, Partial<LocalFunctionPlan>>> | undefined;
  /** What stands between the emulator of Kinesis and all who use it; gives the endpoint to use. */
  readonly kinesisFront?: ((endpoint: string) => Promise<string>) | undefined;
  readonly repeats?: ((shardId: string) => boolean) | undefined;
  /** What the functions and the cloud itself have to say. */
  readonly onLine: (source: string, line: string) => void;
  readonly onReport?: ((name: string, report: InvocationReport) => void) | undefined;
};

const region = 'us-east-1';
const stage = 'local';
/** Two cores do not do more at a time; AWS would start as many as there are events. */
const concurrencyDefaults: Readonly<Record<string, number>> = { compact: 2, maintain: 1 };
const quietPollMs = 50;
const offsets = { control: 0, s3: 1, kinesis: 2, firstUrl: 3 };

type Services = { readonly s3: S3Service; readonly kinesis: KinesisService; readonly kinesisEndpoint: string };

/** All functions have work here, the commit function too. */
const localParameters = { CodeBucket: 'local', GroupCommit: 'ON' };

export class LocalCloud implements AsyncDisposable {
  readonly stack: LocalStack;
  readonly functions: ReadonlyMap<string, LocalFunction>;
  readonly queues: ReadonlyMap<string, LocalQueue>;
  readonly urls: Map<string, FunctionUrl> = new Map();
  readonly mappings: StreamMapping[] = [];
  readonly calls: AsynchronousCalls = new AsynchronousCalls();
  readonly bus: EventBus;
  readonly control: ControlServer;
  readonly #settings: LocalCloudSettings;
  readonly #parts: AsyncDisposableStack = new AsyncDisposableStack();
  #services: Services | undefined;
  #stopped: Promise<void> | undefined;

  constructor(settings: LocalCloudSettings) {
    this.#settings = settings;
    const { folder, withoutFunctions = false, parameters = {}, changed = {} } = settings;
    mkdirSync(folder, { recursive: true });
    this.stack = localStack(warehouseTemplate(), { stage, region, parameters: { ...localParameters, ...parameters } });
    const plans = this.stack.functions.map(plan => ({ ...plan, ...changed[plan.name] }));
    this.functions = new Map(
      (withoutFunctions ? [] : plans).map(plan => [plan.name, new LocalFunction(this.#functionSpec(plan))]),
    );
    this.queues = new Map(
      this.stack.queues.map(({ name, arn }) => [arn, new LocalQueue(join(folder, `${name}.jsonl`))]),
    );
    const call = (functionArn: string, payload: string): void => this.#call(functionArn, payload);
    this.bus = new EventBus({ region, rules: this.stack.rules, call });
    this.control = new ControlServer({
      functions: this.functions,
      call: (called, payload) => call(called.spec.functionArn, payload),
      onObject: object => this.bus.objectCreated(object),
    });
  }

  /** @throws Error that says what is missing */
  static async start(settings: LocalCloudSettings): Promise<LocalCloud> {
    const cloud = new LocalCloud(settings);
    try {
      await cloud.#start();
      return cloud;
    } catch (error) {
      await cloud[Symbol.asyncDispose]();
      throw error;
    }
  }

  get services(): Services {
    if (this.#services === undefined) throw new Error('the local cloud has not been started');
    return this.#services;
  }

  /** @throws Error when the stack has no such function */
  function(name: string): LocalFunction {
    const found = this.functions.get(name);
    if (found === undefined) throw new Error(`the local cloud has no function ${name}`);
    return found;
  }

  /** For a client of the lake. */
  get lakeSettings(): LakeSettings {
    const { s3, kinesis, kinesisEndpoint } = this.services;
    const { TIDELAKE_WAREHOUSE: warehouse = '', TIDELAKE_LOG: log = '' } = this.stack.functions[0]?.env ?? {};
    const { accessKeyId, secretAccessKey } = s3.credentials;
    return {
      warehouse,
      log,
      s3: { endpoint: s3.endpoint, region, accessKeyId, secretAccessKey },
      kinesis: { endpoint: kinesisEndpoint, region: kinesis.region, accessKeyId, secretAccessKey },
    };
  }

  /** For the environment of the command line and of AWS's tools: points them here. */
  get clientVariables(): Readonly<Record<string, string>> {
    const places = Object.entries(this.stack.functions[0]?.env ?? {}).filter(([name]) => name.startsWith('TIDELAKE_'));
    return {
      ...Object.fromEntries(places),
      ...this.#serviceVariables(),
      AWS_ENDPOINT_URL_LAMBDA: this.control.endpoint,
    };
  }

  /** The bundles of another folder take over, while everything runs. */
  deploy(bundles: string): void {
    for (const [name, deployed] of this.functions) deployed.deploy({ taskRoot: join(bundles, name) });
  }

  /** No event comes any more, and what runs is waited for; the functions and their URLs can still be called. */
  async stopEvents(msMax: number): Promise<void> {
    this.bus[Symbol.dispose]();
    this.calls[Symbol.dispose]();
    await Promise.all(this.mappings.map(mapping => mapping[Symbol.asyncDispose]()));
    const deadlineMs = performance.now() + msMax;
    while ([...this.functions.values()].some(({ busyCount }) => busyCount > 0) && performance.now() < deadlineMs) {
      await new Promise(resolve => setTimeout(resolve, quietPollMs));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#stopped ??= this.#parts.disposeAsync();
    return this.#stopped;
  }

  async #start(): Promise<void> {
    const { firstPort, onLine, kinesisFront } = this.#settings;
    const portOf = (offset: number): number => (firstPort === undefined ? 0 : firstPort + offset);
    await this.control.listen(portOf(offsets.control));
    this.#parts.use(this.control);
    const s3 = await this.#startMinio();
    const kinesis = this.#parts.use(await startKinesalite(this.#placeOf('kinesis', offsets.kinesis)));
    this.#services = { s3, kinesis, kinesisEndpoint: (await kinesisFront?.(kinesis.endpoint)) ?? kinesis.endpoint };
    await this.#makeStreams(kinesis);
    for (const deployed of this.functions.values()) {
      // The home: no profile of whoever runs this.
      const env = { ...deployed.spec.env, ...this.#serviceVariables(), HOME: this.#settings.folder };
      deployed.deploy({ env });
      this.#parts.use(deployed);
    }
    this.#parts.use(this.calls);
    this.#parts.use(this.bus);
    const withUrl = this.stack.functions.filter(({ name, hasUrl }) => hasUrl && this.functions.has(name));
    for (const [index, { name }] of withUrl.entries()) {
      const url = await FunctionUrl.start(this.function(name), portOf(offsets.firstUrl + index));
      this.urls.set(name, this.#parts.use(url));
    }
    const checkpoints = new Checkpoints(firstPort === undefined ? undefined : this.#pathOf('checkpoints.json'));
    for (const plan of this.#settings.withoutFunctions === true ? [] : this.stack.mappings) {
      const called = [...this.functions.values()].find(({ spec }) => spec.functionArn === plan.functionArn);
      if (called === undefined) throw new Error(`nothing is behind ${plan.functionArn}`);
      const mapping = new StreamMapping({
        plan,
        called,
        checkpoints,
        failures: this.queues.get(plan.failureQueueArn ?? ''),
        endpoint: this.services.kinesisEndpoint,
        region,
        credentials: kinesis.credentials,
        repeats: this.#settings.repeats,
        onProblem: problem => onLine('stream', problem),
      });
      this.mappings.push(this.#parts.use(mapping));
    }
  }

  async #startMinio(): Promise<S3Service> {
    const [bucket = ''] = this.stack.buckets;
    const place = this.#placeOf('s3', offsets.s3);
    const env = notificationVariables(`${this.control.endpoint}/bucket-events`, this.#pathOf('bucket-events'));
    const s3 = this.#parts.use(await startMinio({ bucket, place, env }));
    const { endpoint, credentials } = s3;
    const client = new S3Client({ endpoint, region, credentials: { ...credentials }, forcePathStyle: true });
    try {
      await notifyOfObjects(client, bucket);
    } finally {
      client.destroy();
    }
    return s3;
  }

  async #makeStreams(kinesis: KinesisService): Promise<void> {
    for (const { name, shardCount } of this.stack.streams) {
      try {
        await kinesis.createStream(name, shardCount);
      } catch (error) {
        // From the time before, in a folder that is kept.
        if (!(error instanceof Error && error.name === 'ResourceInUseException')) throw error;
      }
    }
  }

  #functionSpec(plan: LocalFunctionPlan) {
    const { name, functionName, arn, handler, runtime, memoryMb, timeoutSeconds, env, concurrencyMax } = plan;
    return {
      functionName,
      functionArn: arn,
      handler,
      runtime,
      memoryMb,
      timeoutSeconds,
      env,
      concurrencyMax: concurrencyMax ?? concurrencyDefaults[name],
      taskRoot: join(this.#settings.bundles, name),
      // The one that runs this is of the newer runtime.
      node: runtime === 'nodejs22.x' ? olderNode() : process.execPath,
      onLine: (line: string) => this.#settings.onLine(name, line),
      onReport: (report: InvocationReport) => this.#settings.onReport?.(name, report),
    };
  }

  #serviceVariables(): Readonly<Record<string, string>> {
    const { s3, kinesisEndpoint } = this.services;
    return {
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_ENDPOINT_URL_KINESIS: kinesisEndpoint,
    };
  }

  #call(functionArn: string, payload: string): void {
    const plan = this.stack.functions.find(({ arn }) => arn === functionArn);
    const called = this.functions.get(plan?.name ?? '');
    if (plan === undefined || called === undefined) return;
    const failures = this.queues.get(plan.asynchronous.failureQueueArn ?? '');
    this.calls.call({ called, plan: plan.asynchronous, failures }, payload);
  }

  #placeOf(name: string, offset: number): ServicePlace | undefined {
    const { firstPort } = this.#settings;
    return firstPort === undefined ? undefined : { folder: this.#pathOf(name), port: firstPort + offset };
  }

  #pathOf(name: string): string {
    const path = join(this.#settings.folder, name);
    if (!name.includes('.')) mkdirSync(path, { recursive: true });
    return path;
  }
}
