/**
 * Where functions are measured: the bundles as they are deployed, under AWS's own runtime client and within the memory that
 * they are given, on a MinIO and a Kinesis emulator of their own.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { memoryEnvironment } from '../../infra/definitions/function-resources.ts';
import { type FunctionName, functionDefinitions } from '../../infra/definitions/functions.ts';
import { runProgram } from '../../scripts/cache-folder.ts';
import type { InvocationReport } from '../../scripts/local-cloud/invocation-report.ts';
import { LocalFunction } from '../../scripts/local-cloud/local-function.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { LakeSettings } from '../../src/index.ts';
import { type LakeParts, openLakeParts } from '../../src/service/lake-parts.ts';
import { startKinesalite } from '../services/kinesalite.ts';
import type { KinesisService } from '../services/kinesis-service.ts';
import { startMinio } from '../services/minio.ts';
import type { S3Service } from '../services/s3-service.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const timeoutSeconds = 900;
const linesKeptMax = 40;

export const functionNames: readonly FunctionName[] = functionDefinitions.map(({ name }) => name);

export type FunctionOptions = {
  readonly node?: string | undefined;
  readonly memoryMb?: number | undefined;
  /** Of the lake: several are in one world, a folder and streams each. */
  readonly lake: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
};

export class FunctionWorld implements AsyncDisposable {
  readonly bundles: string;
  readonly minio: S3Service;
  readonly kinesis: KinesisService;

  constructor(bundles: string, minio: S3Service, kinesis: KinesisService) {
    this.bundles = bundles;
    this.minio = minio;
    this.kinesis = kinesis;
  }

  static async open(): Promise<FunctionWorld> {
    mkdirSync(join(root, '.cache'), { recursive: true });
    const bundles = mkdtempSync(join(root, '.cache', 'function-loads-'));
    runProgram(process.execPath, [join(root, 'scripts', 'bundle.mjs'), bundles]);
    const [minio, kinesis] = await Promise.all([startMinio(), startKinesalite()]);
    return new FunctionWorld(bundles, minio, kinesis);
  }

  settings(lake: string): LakeSettings {
    // The SDK's clients add to the credentials they are given, so only what is wanted is taken.
    const { accessKeyId, secretAccessKey } = this.minio.credentials;
    const credentials = { accessKeyId, secretAccessKey };
    return {
      warehouse: `s3://${this.minio.bucket}/${lake}`,
      log: `kinesis://${lake}`,
      s3: { endpoint: this.minio.endpoint, region: this.minio.region, ...credentials },
      kinesis: { endpoint: this.kinesis.endpoint, region: this.kinesis.region, ...credentials },
    };
  }

  /** The lake as this process sees it; its stream is made when it is not there. */
  parts(lake: string, shardCount = 1): Promise<LakeParts> {
    const settings = this.settings(lake);
    const kinesis = { ...settings.kinesis, createWithShards: shardCount };
    return openLakeParts({ ...settings, kinesis }, { clock: systemClock, random: systemRandom });
  }

  /** What a function of the lake finds in its environment, besides what AWS tells it itself. */
  environment(lake: string): Readonly<Record<string, string>> {
    const { accessKeyId, secretAccessKey } = this.minio.credentials;
    const { warehouse, log = '' } = this.settings(lake);
    return {
      ...memoryEnvironment,
      HOME: this.bundles,
      TIDELAKE_WAREHOUSE: warehouse,
      TIDELAKE_LOG: log,
      POWERTOOLS_SERVICE_NAME: 'tidelake',
      POWERTOOLS_METRICS_NAMESPACE: 'Tidelake',
      AWS_REGION: this.minio.region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_ENDPOINT_URL_S3: this.minio.endpoint,
      AWS_ENDPOINT_URL_KINESIS: this.kinesis.endpoint,
    };
  }

  function(name: FunctionName, { node, memoryMb = 512, lake, env }: FunctionOptions): MeasuredFunction {
    return new MeasuredFunction(name, lines => ({
      functionName: name,
      functionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
      memoryMb,
      timeoutSeconds,
      taskRoot: join(this.bundles, name),
      handler: 'index.handler',
      runtime: 'nodejs24.x',
      node: node ?? process.execPath,
      onLine: line => lines.push(line),
      env: { ...this.environment(lake), ...env },
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.minio.stop(), this.kinesis.stop()]);
    rmSync(this.bundles, { recursive: true, force: true });
  }
}

export type Measured = {
  /** As it was sent: JSON, or the head and the body of an HTTP answer. */
  readonly answer: string;
  readonly report: InvocationReport;
};

/** A function in one execution environment, with what Lambda would report of each invocation. */
export class MeasuredFunction implements AsyncDisposable {
  readonly name: FunctionName;
  readonly #function: LocalFunction;
  readonly #lines: string[] = [];

  constructor(
    name: FunctionName,
    specOf: (lines: { push(line: string): void }) => ConstructorParameters<typeof LocalFunction>[0],
  ) {
    this.name = name;
    this.#function = new LocalFunction({ ...specOf(this.#lines), concurrencyMax: 1 });
  }

  /** What it printed. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** @throws Error with the end of what it printed, when the function fails, takes too long or too much memory */
  async invoke(event: unknown): Promise<Measured> {
    const { reports } = this.#function;
    const known = reports.length;
    const answer = await this.#function.invokeBuffered(JSON.stringify(event));
    if (answer.kind === 'error') {
      const said = this.#lines.slice(-linesKeptMax).join('\n');
      throw new Error(`${this.name}: ${answer.error.errorType}: ${answer.error.errorMessage}\n${said}`);
    }
    // The report comes when the environment asks for its next work, a moment after its answer.
    while (reports.length === known) await systemClock.sleep(1);
    const report = reports.at(-1);
    if (report === undefined) throw new Error('an invocation has a report');
    return { answer: answer.payload, report };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#function[Symbol.asyncDispose]();
  }
}
