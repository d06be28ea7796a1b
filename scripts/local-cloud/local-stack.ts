/**
 * The stack of the CloudFormation template as it stands on this machine: what it keeps, which functions it has, and what calls
 * them. It is the same template that is deployed, so that there is nothing to keep in step.
 */
import * as z from 'zod';
import { resolveTemplate } from '../../test/permissions/resolve-template.ts';

export type LocalFunctionPlan = {
  /** `ingest`: what the function is called in the repository. */
  readonly name: string;
  /** As on AWS: `STACK-NAME`. */
  readonly functionName: string;
  readonly arn: string;
  readonly handler: string;
  readonly runtime: string;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly env: Readonly<Record<string, string>>;
  readonly concurrencyMax: number | undefined;
  /** Of calls that nobody waits for. */
  readonly asynchronous: AsynchronousPlan;
  readonly hasUrl: boolean;
};

export type AsynchronousPlan = {
  readonly retriesMax: number;
  readonly eventAgeSecondsMax: number;
  readonly failureQueueArn: string | undefined;
};

export type StreamMappingPlan = {
  readonly functionArn: string;
  readonly streamArn: string;
  readonly batchRecordsMax: number;
  readonly batchWindowSeconds: number;
  /** -1: without end. */
  readonly retriesMax: number;
  /** -1: of any age. */
  readonly recordAgeSecondsMax: number;
  readonly bisects: boolean;
  readonly reportsPart: boolean;
  readonly failureQueueArn: string | undefined;
};

export type RulePlan = {
  readonly arn: string;
  readonly pattern: unknown;
  /** Milliseconds between two; undefined: it is called by events. */
  readonly everyMs: number | undefined;
  readonly targetArns: readonly string[];
};

export type LocalStack = {
  readonly name: string;
  readonly region: string;
  readonly buckets: readonly string[];
  readonly streams: readonly { readonly name: string; readonly arn: string; readonly shardCount: number }[];
  readonly queues: readonly { readonly name: string; readonly arn: string }[];
  readonly functions: readonly LocalFunctionPlan[];
  readonly mappings: readonly StreamMappingPlan[];
  readonly rules: readonly RulePlan[];
};

export type LocalStackSettings = {
  readonly stage: string;
  readonly region: string;
  readonly parameters: Readonly<Record<string, string>>;
};

export const localAccountId = '000000000000';
/** What an on-demand stream begins with on AWS. */
const onDemandShardCount = 4;
/** Of a function that says nothing else: what AWS does. */
const asynchronousDefaults: AsynchronousPlan = {
  retriesMax: 2,
  eventAgeSecondsMax: 6 * 3_600,
  failureQueueArn: undefined,
};

const failureSchema = z.object({ OnFailure: z.object({ Destination: z.string() }).optional() }).optional();
const functionSchema = z.object({
  FunctionName: z.string(),
  Handler: z.string(),
  Runtime: z.string(),
  MemorySize: z.number(),
  Timeout: z.number(),
  Environment: z.object({ Variables: z.record(z.string(), z.coerce.string()) }),
  ReservedConcurrentExecutions: z.coerce.number().optional(),
});
const streamSchema = z.object({
  ShardCount: z.coerce.number().optional(),
  StreamModeDetails: z.object({ StreamMode: z.string() }).optional(),
});
/** Requests cost nothing here, and whoever tries things out does not want to wait for rows to gather. */
const windowSecondsMax = 1;

const mappingSchema = z.object({
  FunctionName: z.string(),
  EventSourceArn: z.string(),
  BatchSize: z.number(),
  MaximumBatchingWindowInSeconds: z.number().default(0),
  MaximumRetryAttempts: z.number().default(-1),
  MaximumRecordAgeInSeconds: z.number().default(-1),
  BisectBatchOnFunctionError: z.boolean().default(false),
  FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).default([]),
  DestinationConfig: failureSchema,
  // What is done here is done for these alone.
  ParallelizationFactor: z.literal(1),
  StartingPosition: z.literal('TRIM_HORIZON'),
  FilterCriteria: z.undefined().optional(),
  TumblingWindowInSeconds: z.undefined().optional(),
});
const ruleSchema = z.object({
  ScheduleExpression: z.string().optional(),
  EventPattern: z.unknown().optional(),
  Targets: z.array(z.object({ Arn: z.string(), Input: z.undefined().optional() })),
});
const invokeConfigSchema = z.object({
  FunctionName: z.string(),
  MaximumRetryAttempts: z.number().default(asynchronousDefaults.retriesMax),
  MaximumEventAgeInSeconds: z.number().default(asynchronousDefaults.eventAgeSecondsMax),
  DestinationConfig: failureSchema,
});
const urlSchema = z.object({ TargetFunctionArn: z.string(), InvokeMode: z.literal('RESPONSE_STREAM') });

/** As far as it says what the names of things are. */
const templateSchema = z.object({
  Resources: z.record(
    z.string(),
    z.object({
      Type: z.string(),
      Properties: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
});

type Named<T> = { readonly logicalId: string; readonly properties: T };

/** @throws Error that names what of the template the local cloud does not do */
export function localStack(template: unknown, { stage, region, parameters }: LocalStackSettings): LocalStack {
  const stackName = `tidelake-${stage}`;
  const names = physicalNames(template, stackName);
  const idOf = (logicalId: string): string => names.get(logicalId)?.name ?? logicalId;
  const arnOf = (logicalId: string, type: string): string => arnText(idOf(logicalId), { type, region });
  const values: Record<string, string> = {
    'AWS::StackName': stackName,
    'AWS::Region': region,
    'AWS::AccountId': localAccountId,
  };
  for (const [logicalId, { name, type }] of names) {
    values[logicalId] = name;
    values[`${logicalId}.Arn`] = arnOf(logicalId, type);
  }
  const types = /^AWS::(S3::Bucket|Kinesis::Stream|SQS::Queue|Events::Rule|Lambda::(?!Permission).*)$/;
  const { resources } = resolveTemplate(template, { parameters, values, types });
  const ofType = <T>(wanted: string, schema: z.ZodType<T>): readonly Named<T>[] =>
    [...resources].flatMap(([logicalId, { type, properties }]) =>
      type === wanted ? { logicalId, properties: checked(schema, properties, logicalId) } : [],
    );
  const configs = ofType('AWS::Lambda::EventInvokeConfig', invokeConfigSchema);
  const urls = ofType('AWS::Lambda::Url', urlSchema);
  return {
    name: stackName,
    region,
    buckets: ofType('AWS::S3::Bucket', z.unknown()).map(({ logicalId }) => idOf(logicalId)),
    streams: ofType('AWS::Kinesis::Stream', streamSchema).map(({ logicalId, properties }) => ({
      name: idOf(logicalId),
      arn: arnOf(logicalId, 'AWS::Kinesis::Stream'),
      shardCount: properties.ShardCount ?? onDemandShardCount,
    })),
    queues: ofType('AWS::SQS::Queue', z.unknown()).map(({ logicalId }) => ({
      name: idOf(logicalId),
      arn: arnOf(logicalId, 'AWS::SQS::Queue'),
    })),
    functions: ofType('AWS::Lambda::Function', functionSchema).map(({ logicalId, properties }) => {
      const arn = arnOf(logicalId, 'AWS::Lambda::Function');
      const isOf = (target: string): boolean => target === arn || target === properties.FunctionName;
      return {
        ...functionPlan(stackName, properties),
        arn,
        asynchronous: asynchronousPlan(
          configs.find(({ properties: { FunctionName } }) => isOf(FunctionName))?.properties,
        ),
        hasUrl: urls.some(({ properties: { TargetFunctionArn } }) => isOf(TargetFunctionArn)),
      };
    }),
    mappings: ofType('AWS::Lambda::EventSourceMapping', mappingSchema).map(({ properties }) => mappingPlan(properties)),
    rules: ofType('AWS::Events::Rule', ruleSchema).map(({ logicalId, properties }) => ({
      arn: arnOf(logicalId, 'AWS::Events::Rule'),
      pattern: properties.EventPattern,
      everyMs: properties.ScheduleExpression === undefined ? undefined : rateMs(properties.ScheduleExpression),
      targetArns: properties.Targets.map(({ Arn }) => Arn),
    })),
  };
}

function functionPlan(stackName: string, properties: z.infer<typeof functionSchema>) {
  const { FunctionName, Handler, Runtime, MemorySize, Timeout, Environment } = properties;
  return {
    name: FunctionName.slice(stackName.length + 1),
    functionName: FunctionName,
    // In the repository's folder on AWS, in the bundle's own here.
    handler: Handler.slice(Handler.lastIndexOf('/') + 1),
    runtime: Runtime,
    memoryMb: MemorySize,
    timeoutSeconds: Timeout,
    env: Environment.Variables,
    concurrencyMax: properties.ReservedConcurrentExecutions,
  };
}

function asynchronousPlan(config: z.infer<typeof invokeConfigSchema> | undefined): AsynchronousPlan {
  if (config === undefined) return asynchronousDefaults;
  return {
    retriesMax: config.MaximumRetryAttempts,
    eventAgeSecondsMax: config.MaximumEventAgeInSeconds,
    failureQueueArn: config.DestinationConfig?.OnFailure?.Destination,
  };
}

function mappingPlan(properties: z.infer<typeof mappingSchema>): StreamMappingPlan {
  return {
    functionArn: properties.FunctionName,
    streamArn: properties.EventSourceArn,
    batchRecordsMax: properties.BatchSize,
    batchWindowSeconds: Math.min(properties.MaximumBatchingWindowInSeconds, windowSecondsMax),
    retriesMax: properties.MaximumRetryAttempts,
    recordAgeSecondsMax: properties.MaximumRecordAgeInSeconds,
    bisects: properties.BisectBatchOnFunctionError,
    reportsPart: properties.FunctionResponseTypes.length > 0,
    failureQueueArn: properties.DestinationConfig?.OnFailure?.Destination,
  };
}

function checked<T>(schema: z.ZodType<T>, value: unknown, logicalId: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Error(`the local cloud does not do what ${logicalId} asks for: ${z.prettifyError(parsed.error)}`);
}

function physicalNames(template: unknown, stackName: string): Map<string, { name: string; type: string }> {
  const { Resources } = templateSchema.parse(template);
  const named = Object.entries(Resources).map(([logicalId, { Type: type, Properties }]) => {
    const own = Object(Properties?.['FunctionName'])['Fn::Sub'];
    const isFunction = type === 'AWS::Lambda::Function' && typeof own === 'string';
    const name = isFunction ? own.replace(/\$\{AWS::StackName\}/, stackName) : `${stackName}-${logicalId}`;
    // Buckets have their names in lower case.
    return [logicalId, { name: type === 'AWS::S3::Bucket' ? name.toLowerCase() : name, type }] as const;
  });
  return new Map(named);
}

function arnText(name: string, { type, region }: { readonly type: string; readonly region: string }): string {
  const place = `${region}:${localAccountId}`;
  switch (type) {
    case 'AWS::S3::Bucket':
      return `arn:aws:s3:::${name}`;
    case 'AWS::Kinesis::Stream':
      return `arn:aws:kinesis:${place}:stream/${name}`;
    case 'AWS::SQS::Queue':
      return `arn:aws:sqs:${place}:${name}`;
    case 'AWS::Lambda::Function':
      return `arn:aws:lambda:${place}:function:${name}`;
    default:
      return `arn:aws:${type.split('::')[1]?.toLowerCase()}:${place}:${name}`;
  }
}

const unitMs: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

function rateMs(expression: string): number {
  const [, count, unit = ''] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const ms = unitMs[unit];
  if (count === undefined || ms === undefined)
    throw new Error(`the local cloud does not know the schedule ${expression}`);
  return Number(count) * ms;
}
