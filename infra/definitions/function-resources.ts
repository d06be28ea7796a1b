/** The functions as CloudFormation resources: each with its log group, what calls it, and where failed calls end. */
import { metricsNamespace } from './alarms.ts';
import {
  type CloudProperties,
  type CloudResource,
  type CloudResources,
  type CloudValue,
  either,
  getAtt,
  join,
  noValue,
  ref,
  stackTags,
  sub,
} from './cloudformation.ts';
import {
  type EventSource,
  type FunctionDefinition,
  functionDefinitions,
  functionId,
  logGroupId,
  logicalName,
  roleId,
  type StreamSource,
  streamMappingId,
  urlId,
} from './functions.ts';
import { concurrencyCondition, concurrencyParameter } from './parameters.ts';

/**
 * How the C library hands out memory. It keeps what was freed for the thread that had it, and large pieces in its heaps, which
 * grow by that; so no more than two heaps, and pieces of a megabyte straight from the system and back to it.
 */
export const memoryEnvironment: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '1048576',
};

/** What all functions find in their environment. */
export const functionEnvironment: CloudProperties = {
  ...memoryEnvironment,
  POWERTOOLS_LOG_LEVEL: ref('LogLevel'),
  POWERTOOLS_METRICS_NAMESPACE: metricsNamespace,
  POWERTOOLS_SERVICE_NAME: ref('AWS::StackName'),
  TIDELAKE_WAREHOUSE: join('', ['s3://', ref('WarehouseBucket')]),
  TIDELAKE_LOG: join('', ['kinesis://', ref('LogStream')]),
  TIDELAKE_COMMIT_LOG: either('CommitsAreGrouped', join('', ['kinesis://', ref('CommitStream')]), noValue),
};

/** By function: where its bundle is, and where in it the function begins. */
export type Bundles = {
  readonly codeOf: (functionName: string) => CloudProperties;
  readonly handler: (functionName: string) => string;
};

export function functionResources(bundles: Bundles): CloudResources {
  return Object.assign({}, ...functionDefinitions.map(definition => resourcesOf(definition, bundles)));
}

/** What of a function follows the parameters, and so must not be what osls makes of it. */
export function chosenProperties(name: string): CloudProperties {
  return {
    Architectures: [ref('Architecture')],
    ReservedConcurrentExecutions: either(concurrencyCondition(name), ref(concurrencyParameter(name)), noValue),
    Runtime: ref('Runtime'),
    TracingConfig: { Mode: ref('Tracing') },
  };
}

export const chosenLogGroupProperties: CloudProperties = {
  KmsKeyId: either('KeyIsOwn', ref('KmsKeyArn'), noValue),
  RetentionInDays: ref('LogGroupRetentionDays'),
};

export function snapshotPattern(keyPattern: string): CloudProperties {
  return {
    source: ['aws.s3'],
    'detail-type': ['Object Created'],
    detail: { bucket: { name: [ref('WarehouseBucket')] }, object: { key: [{ wildcard: keyPattern }] } },
  };
}

function resourcesOf(definition: FunctionDefinition, bundles: Bundles): CloudResources {
  const { name } = definition;
  return {
    [logGroupId(name)]: {
      Type: 'AWS::Logs::LogGroup',
      DeletionPolicy: 'Delete',
      UpdateReplacePolicy: 'Delete',
      Properties: {
        LogGroupName: sub(`/aws/lambda/\${AWS::StackName}-${name}`),
        ...chosenLogGroupProperties,
        Tags: stackTags,
      },
    },
    [functionId(name)]: {
      comment: `${definition.description}.`,
      Type: 'AWS::Lambda::Function',
      DependsOn: [logGroupId(name)],
      Properties: {
        FunctionName: sub(`\${AWS::StackName}-${name}`),
        Description: definition.description,
        Code: bundles.codeOf(name),
        Handler: bundles.handler(name),
        MemorySize: definition.memoryMb,
        Timeout: definition.timeoutSeconds,
        Role: getAtt(roleId(name), 'Arn'),
        Environment: { Variables: functionEnvironment },
        ...chosenProperties(name),
        Tags: stackTags,
      },
    },
    ...Object.assign({}, ...definition.sources.map(source => sourceResources(name, source))),
    ...failureResources(definition),
    ...urlResources(definition),
  };
}

function sourceResources(name: string, source: EventSource): CloudResources {
  if (source.kind === 'stream') {
    return { [streamMappingId(name, source)]: streamMapping(name, source) };
  }
  const trigger: CloudProperties =
    source.kind === 'schedule'
      ? { ScheduleExpression: source.rate }
      : { EventPattern: snapshotPattern(source.keyPattern) };
  return {
    [source.id]: {
      Type: 'AWS::Events::Rule',
      Properties: {
        ...trigger,
        State: 'ENABLED',
        Targets: [
          { Id: name, Arn: getAtt(functionId(name), 'Arn'), DeadLetterConfig: { Arn: getAtt('FailedEvents', 'Arn') } },
        ],
      },
    },
    [`${source.id}Permission`]: {
      Type: 'AWS::Lambda::Permission',
      Properties: {
        Action: 'lambda:InvokeFunction',
        FunctionName: getAtt(functionId(name), 'Arn'),
        Principal: 'events.amazonaws.com',
        SourceArn: getAtt(source.id, 'Arn'),
      },
    },
  };
}

/** When there is a mapping, and what must be there first. */
export function mappingCondition({ onlyIf }: StreamSource): Pick<CloudResource, 'Condition' | 'DependsOn'> {
  return onlyIf === undefined ? {} : { Condition: onlyIf.condition, DependsOn: [onlyIf.policy] };
}

function streamMapping(name: string, source: StreamSource): CloudResource {
  const destination: Readonly<Record<string, CloudValue>> = source.noteOnFailure
    ? { DestinationConfig: { OnFailure: { Destination: getAtt('FailedEvents', 'Arn') } } }
    : {};
  return {
    Type: 'AWS::Lambda::EventSourceMapping',
    ...mappingCondition(source),
    Properties: {
      BatchSize: source.batchRecordsMax,
      BisectBatchOnFunctionError: true,
      ...destination,
      Enabled: true,
      EventSourceArn: getAtt(source.stream, 'Arn'),
      FunctionName: getAtt(functionId(name), 'Arn'),
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      MaximumBatchingWindowInSeconds: source.batchWindowSeconds,
      MaximumRecordAgeInSeconds: source.recordAgeSecondsMax,
      MaximumRetryAttempts: source.retriesMax,
      ParallelizationFactor: 1,
      StartingPosition: 'TRIM_HORIZON',
    },
  };
}

function failureResources({ name, asynchronous }: FunctionDefinition): CloudResources {
  if (asynchronous === undefined) return {};
  return {
    [`${logicalName(name)}LambdaEvConf`]: {
      Type: 'AWS::Lambda::EventInvokeConfig',
      Properties: {
        FunctionName: ref(functionId(name)),
        Qualifier: '$LATEST',
        MaximumRetryAttempts: asynchronous.retriesMax,
        MaximumEventAgeInSeconds: asynchronous.eventAgeSecondsMax,
        DestinationConfig: { OnFailure: { Destination: getAtt('FailedEvents', 'Arn') } },
      },
    },
  };
}

function urlResources({ name, hasUrl }: FunctionDefinition): CloudResources {
  if (!hasUrl) return {};
  return {
    [urlId(name)]: {
      Type: 'AWS::Lambda::Url',
      Properties: {
        AuthType: 'AWS_IAM',
        InvokeMode: 'RESPONSE_STREAM',
        TargetFunctionArn: getAtt(functionId(name), 'Arn'),
      },
    },
  };
}
