/**
 * Settings: plain values that say where a lake is and how its parts behave. Given in code, by the command line, or by the
 * environment; this is the only file that reads `process.env`.
 */
import * as z from 'zod';
import { invalid } from '../base/errors.ts';
import { filledText } from './filled-text.ts';

/** What is left out has the default named here. */
export type LakeSettings = {
  /** A folder, `file:…`, `s3://bucket/prefix`, or `memory:NAME` for tests. */
  readonly warehouse: string;
  /** `file:…`, `s3://bucket/prefix`, `kinesis://stream`, `kafka://host:port/topic`, `memory:NAME`, or `none`, the default: rows are committed straight to the table. */
  readonly log?: string | undefined;
  /** Of cloud functions: the log of commit messages. Without it ingest commits by itself. */
  readonly commitLog?: string | undefined;
  /** `read`: nothing is written, and a folder that is not there is not made. Default `read-write`. */
  readonly access?: 'read' | 'read-write' | undefined;
  /** Of folders. `none`: a power cut may undo what was acknowledged; for tests. Default `fsync`. */
  readonly durability?: 'fsync' | 'none' | undefined;
  /** What the process may have, for the bounds of its buffers; a cloud function is told. Default: no limit. */
  readonly memoryBytes?: number | undefined;
  readonly s3?: S3Settings | undefined;
  readonly kinesis?: KinesisSettings | undefined;
  readonly kafka?: KafkaSettings | undefined;
  readonly fileLog?: FileLogSettings | undefined;
  readonly s3Log?: S3LogSettings | undefined;
  readonly writer?: WriterSettings | undefined;
  readonly ingest?: IngestLoopSettings | undefined;
  readonly compaction?: CompactionLoopSettings | undefined;
  readonly maintenance?: MaintenanceLoopSettings | undefined;
  readonly cost?: CostSettings | undefined;
};

/** What is left out is looked for where AWS programs look: environment, profile, container, instance. */
export type S3Settings = {
  /** Base URL of an S3 other than AWS's. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  /** Bucket in the path instead of the host name. Default: when there is an endpoint. */
  readonly forcePathStyle?: boolean | undefined;
  /** When to prove at the start that conditional PUT works. Default `auto`: unless it is AWS's own. */
  readonly conditionalPutProbe?: 'auto' | 'always' | 'never' | undefined;
};

export type KinesisSettings = {
  /** Of an emulator. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  /** Makes a stream of so many shards, or one on demand, when there is none. Default: a missing stream is an error. */
  readonly createWithShards?: number | 'on-demand' | undefined;
  /**
   * Readers who follow the log are pushed to, as this registered consumer of the stream, instead of asking (RFC 0021). It is
   * registered when it is missing. Of processes of one consumer one follows a shard at a time; the others go on asking.
   */
  readonly fanOut?: { readonly consumer: string } | undefined;
  readonly pollIntervalMs?: number | undefined;
};

/** Of a log that is a topic of Apache Kafka. */
export type KafkaSettings = {
  /** Encrypted connections. Default: as soon as there is a `caFile`. */
  readonly tls?: boolean | undefined;
  /** A file of the authorities (PEM) that brokers are checked against. Default: those that Node trusts. */
  readonly caFile?: string | undefined;
  /** Default SCRAM-SHA-512, when there is a user. */
  readonly mechanism?: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Makes a topic of so many partitions when there is none. Default: a missing topic is an error. */
  readonly createWithPartitions?: number | undefined;
};

/** Of a log in a folder. */
export type FileLogSettings = {
  /** What a log is made with; one that exists keeps its own. */
  readonly shardCount?: number | undefined;
  /** Older records are removed. Default: all are kept. */
  readonly retentionMs?: number | undefined;
};

/** Of a log in a bucket, which is reached as `s3` says. */
export type S3LogSettings = {
  /** What a log is made with; one that exists keeps its own. Default 4. */
  readonly shardCount?: number | undefined;
  /** Older records are removed by those who append. Default: all are kept. */
  readonly retentionMs?: number | undefined;
  /** How soon a reader at the tip looks again; each look in vain doubles it, up to `idlePollIntervalMs`. Default 250. */
  readonly pollIntervalMs?: number | undefined;
  /** Default 10,000. */
  readonly idlePollIntervalMs?: number | undefined;
};

export type WriterSettings = {
  /** How long the first row of a batch waits for company. Default 2 with a log, 5 without. */
  readonly lingerMs?: number | undefined;
  /** Rows of a batch, at most. Default 8,192. */
  readonly batchRowsMax?: number | undefined;
  /** Bytes of a batch, about, after which it takes no more rows. Default 8 MiB. */
  readonly batchBytesMax?: number | undefined;
  /** Rows that wait or are under way before `room()` waits; ten times as many are refused. Default 200,000. */
  readonly bufferRowsMax?: number | undefined;
  /** The same in bytes. Default 256 MiB. */
  readonly bufferBytesMax?: number | undefined;
};

export type IngestLoopSettings = {
  /** How long rows gather before they are committed, at least. Default 1,000. */
  readonly commitIntervalMs?: number | undefined;
  /**
   * How long at most: where rows trickle, a commit waits for more of them, since its requests cost as much as for many. Union
   * reads and subscriptions do not wait. Default 10,000 for warehouses on S3, otherwise the interval.
   */
  readonly freshnessMs?: number | undefined;
  /** Rows after which no more are gathered for a commit. Default 100,000. */
  readonly commitRowsMax?: number | undefined;
};

export type CompactionLoopSettings = {
  /** How often tables are looked at that nobody has told about. Default 15,000. */
  readonly intervalMs?: number | undefined;
};

export type MaintenanceLoopSettings = {
  /** Between two rounds of expiry and hint repair. Default 300,000. */
  readonly intervalMs?: number | undefined;
};

export type CostSettings = {
  /**
   * Whether what this process uses goes into the warehouse's ledger. Default `auto`: of warehouses on S3, unless access is
   * `read`.
   */
  readonly ledger?: 'auto' | 'on' | 'off' | undefined;
};

const ms = z.number().nonnegative('must not be negative').finite();
const count = z.int('must be a whole number').positive('must be positive');
const credentials = {
  region: filledText.optional(),
  accessKeyId: filledText.optional(),
  secretAccessKey: filledText.optional(),
  sessionToken: filledText.optional(),
};
const endpoint = z
  .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
  .refine(hasNoUser, 'must not hold a user or a password; give credentials as AWS programs take them')
  .optional();

const kafkaMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

const settingsSchema = z.strictObject({
  warehouse: filledText,
  log: filledText.optional(),
  commitLog: filledText.optional(),
  access: z.enum(['read', 'read-write']).optional(),
  durability: z.enum(['fsync', 'none']).optional(),
  memoryBytes: count.optional(),
  s3: z
    .strictObject({
      ...credentials,
      endpoint,
      forcePathStyle: z.boolean().optional(),
      conditionalPutProbe: z.enum(['auto', 'always', 'never']).optional(),
    })
    .optional(),
  kinesis: z
    .strictObject({
      ...credentials,
      endpoint,
      createWithShards: z.union([count, z.literal('on-demand')]).optional(),
      fanOut: z.strictObject({ consumer: filledText }).optional(),
      pollIntervalMs: ms.optional(),
    })
    .optional(),
  kafka: z
    .strictObject({
      tls: z.boolean().optional(),
      caFile: filledText.optional(),
      mechanism: z.enum(kafkaMechanisms).optional(),
      username: filledText.optional(),
      password: filledText.optional(),
      createWithPartitions: count.optional(),
    })
    .optional(),
  fileLog: z.strictObject({ shardCount: count.optional(), retentionMs: ms.optional() }).optional(),
  s3Log: z
    .strictObject({
      shardCount: count.optional(),
      retentionMs: ms.optional(),
      pollIntervalMs: ms.optional(),
      idlePollIntervalMs: ms.optional(),
    })
    .optional(),
  writer: z
    .strictObject({
      lingerMs: ms.optional(),
      batchRowsMax: count.optional(),
      batchBytesMax: count.optional(),
      bufferRowsMax: count.optional(),
      bufferBytesMax: count.optional(),
    })
    .optional(),
  ingest: z
    .strictObject({ commitIntervalMs: ms.optional(), freshnessMs: ms.optional(), commitRowsMax: count.optional() })
    .optional(),
  compaction: z.strictObject({ intervalMs: ms.optional() }).optional(),
  maintenance: z.strictObject({ intervalMs: ms.optional() }).optional(),
  cost: z.strictObject({ ledger: z.enum(['auto', 'on', 'off']).optional() }).optional(),
});

/** @throws LakeError `invalid` LAKE_BAD_SETTINGS, naming each setting that is wrong and why */
export function checkSettings(settings: LakeSettings): LakeSettings {
  const checked = settingsSchema.safeParse(settings);
  if (!checked.success) {
    const faults = checked.error.issues.map(issue => faultText(issue.path, issue.message));
    throw badSettings(faults.join('; '));
  }
  checkCredentials('s3', settings.s3);
  checkCredentials('kinesis', settings.kinesis);
  if ((settings.kafka?.username === undefined) !== (settings.kafka?.password === undefined)) {
    throw badSettings('kafka: username and password belong together, one of them is missing');
  }
  return checked.data;
}

/**
 * Fills in what the environment says, for settings not given: `TIDELAKE_WAREHOUSE`, `TIDELAKE_LOG`,
 * `TIDELAKE_COMMIT_LOG`, `TIDELAKE_COST_LEDGER`, `TIDELAKE_CONDITIONAL_PUT_PROBE`,
 * `TIDELAKE_KINESIS_FAN_OUT_CONSUMER`, `TIDELAKE_KAFKA_[TLS|CA_FILE|MECHANISM|USERNAME|PASSWORD]`, and AWS's own
 * `AWS_ENDPOINT_URL[_S3|_KINESIS]`, `AWS_REGION` and, of a function, `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`. Keys are left to the AWS
 * chain, which reads the environment too.
 *
 * @throws LakeError `invalid` LAKE_BAD_SETTINGS; LAKE_NO_WAREHOUSE when nobody says where it is
 */
export function settingsWithEnvironment(
  given: Omit<LakeSettings, 'warehouse'> & { readonly warehouse?: string | undefined },
  environment: Readonly<Record<string, string | undefined>> = process.env,
): LakeSettings {
  const read = (...names: readonly string[]): string | undefined => {
    const values = names.map(name => environment[name]);
    return values.find(value => value !== undefined && value !== '');
  };
  const warehouse = given.warehouse ?? read('TIDELAKE_WAREHOUSE');
  if (warehouse === undefined) {
    throw invalid('LAKE_NO_WAREHOUSE', 'say where the warehouse is, with --warehouse or TIDELAKE_WAREHOUSE');
  }
  const region = read('AWS_REGION', 'AWS_DEFAULT_REGION');
  const ledger = given.cost?.ledger ?? ledgerChoice(read('TIDELAKE_COST_LEDGER'));
  const memoryMb = functionMemoryMb(environment);
  return checkSettings({
    ...given,
    cost: ledger === undefined ? given.cost : { ...given.cost, ledger },
    warehouse,
    log: given.log ?? read('TIDELAKE_LOG'),
    commitLog: given.commitLog ?? read('TIDELAKE_COMMIT_LOG'),
    memoryBytes: given.memoryBytes ?? (memoryMb === undefined ? undefined : memoryMb * 1024 * 1024),
    s3: {
      ...given.s3,
      endpoint: given.s3?.endpoint ?? read('AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'),
      region: given.s3?.region ?? region,
      conditionalPutProbe: given.s3?.conditionalPutProbe ?? probeChoice(read('TIDELAKE_CONDITIONAL_PUT_PROBE')),
    },
    kinesis: {
      ...given.kinesis,
      endpoint: given.kinesis?.endpoint ?? read('AWS_ENDPOINT_URL_KINESIS', 'AWS_ENDPOINT_URL'),
      region: given.kinesis?.region ?? region,
      fanOut: given.kinesis?.fanOut ?? fanOutOf(read('TIDELAKE_KINESIS_FAN_OUT_CONSUMER')),
    },
    kafka: {
      ...given.kafka,
      tls: given.kafka?.tls ?? yesOrNo('TIDELAKE_KAFKA_TLS', read('TIDELAKE_KAFKA_TLS')),
      caFile: given.kafka?.caFile ?? read('TIDELAKE_KAFKA_CA_FILE'),
      mechanism: given.kafka?.mechanism ?? mechanismChoice(read('TIDELAKE_KAFKA_MECHANISM')),
      username: given.kafka?.username ?? read('TIDELAKE_KAFKA_USERNAME'),
      password: given.kafka?.password ?? read('TIDELAKE_KAFKA_PASSWORD'),
    },
  });
}

function ledgerChoice(text: string | undefined): CostSettings['ledger'] {
  if (text === undefined || text === 'auto' || text === 'on' || text === 'off') return text;
  throw badSettings('TIDELAKE_COST_LEDGER must be auto, on or off');
}

function probeChoice(text: string | undefined): S3Settings['conditionalPutProbe'] {
  if (text === undefined || text === 'auto' || text === 'always' || text === 'never') return text;
  throw badSettings('TIDELAKE_CONDITIONAL_PUT_PROBE must be auto, always or never');
}

function mechanismChoice(text: string | undefined): KafkaSettings['mechanism'] {
  const known = kafkaMechanisms.find(mechanism => mechanism === text);
  if (text !== undefined && known === undefined) {
    throw badSettings(`TIDELAKE_KAFKA_MECHANISM must be ${kafkaMechanisms.join(', ')}`);
  }
  return known;
}

function fanOutOf(consumer: string | undefined): { readonly consumer: string } | undefined {
  return consumer === undefined ? undefined : { consumer };
}

function yesOrNo(name: string, text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text === 'true' || text === 'false') return text === 'true';
  throw badSettings(`${name} must be true or false`);
}

/** What AWS gives a function, MB; undefined where no function runs. */
export function functionMemoryMb(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): number | undefined {
  const memoryMb = Number(environment['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']);
  return Number.isFinite(memoryMb) && memoryMb > 0 ? memoryMb : undefined;
}

/** How a function's logs and metrics name where they come from. */
export type TelemetrySettings = {
  /** Of the deployment. */
  readonly serviceName: string;
  /** Of its metrics. */
  readonly namespace: string;
};

/** As Powertools for AWS Lambda are told: `POWERTOOLS_SERVICE_NAME`, `POWERTOOLS_METRICS_NAMESPACE`. */
export function telemetrySettings(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): TelemetrySettings {
  return {
    serviceName: environment['POWERTOOLS_SERVICE_NAME'] || 'tidelake',
    namespace: environment['POWERTOOLS_METRICS_NAMESPACE'] || 'Tidelake',
  };
}

/** Whether AWS traces the invocation that is running. */
export function isTraceSampled(environment: Readonly<Record<string, string | undefined>> = process.env): boolean {
  return /(?:^|;)\s*Sampled=1\s*(?:;|$)/.test(environment['_X_AMZN_TRACE_ID'] ?? '');
}

/** A log in the folder beside the warehouse's, for a process that is all there is; undefined for other warehouses. */
export function logBeside(warehouse: string): string | undefined {
  const isFolder = !/^[A-Za-z][A-Za-z0-9+.-]+:/.test(warehouse) || warehouse.toLowerCase().startsWith('file:');
  return isFolder ? `${warehouse.replace(/\/+$/, '')}-log` : undefined;
}

/** The address of the log, or undefined when there is none. */
export function logAddress(settings: LakeSettings): string | undefined {
  return settings.log === 'none' ? undefined : settings.log;
}

/** The URL is not shown when it has them, here or anywhere. */
function hasNoUser(url: string): boolean {
  if (!URL.canParse(url)) return true;
  const { username, password, search } = new URL(url);
  return username === '' && password === '' && search === '';
}

type Keys = { readonly accessKeyId?: string | undefined; readonly secretAccessKey?: string | undefined };

function checkCredentials(what: 's3' | 'kinesis', keys: Keys | undefined): void {
  if ((keys?.accessKeyId === undefined) === (keys?.secretAccessKey === undefined)) return;
  throw badSettings(`${what}: accessKeyId and secretAccessKey belong together, one of them is missing`);
}

function faultText(path: readonly PropertyKey[], message: string): string {
  return path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`;
}

function badSettings(why: string): Error {
  return invalid('LAKE_BAD_SETTINGS', `settings: ${why}`);
}
