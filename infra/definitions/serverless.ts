/** The parts of serverless.yml that are made from the definitions; osls makes functions, log groups and event sources of them. */
import { type CloudProperties, type CloudValue, getAtt } from './cloudformation.ts';
import {
  chosenLogGroupProperties,
  chosenProperties,
  functionEnvironment,
  mappingCondition,
  snapshotPattern,
} from './function-resources.ts';
import {
  type EventSource,
  type FunctionDefinition,
  functionDefinitions,
  functionHandler,
  functionId,
  logGroupId,
  roleId,
  streamMappingId,
} from './functions.ts';
import { conditions, parameters } from './parameters.ts';
import { sharedOutputs, sharedResources } from './template.ts';

/** `functions:` */
export function serverlessFunctions(): CloudProperties {
  return Object.fromEntries(functionDefinitions.map(definition => [definition.name, serverlessFunction(definition)]));
}

/** `resources:` */
export function serverlessResources(): CloudProperties {
  const chosen = functionDefinitions.flatMap(({ name, sources }): [string, CloudValue][] => [
    [functionId(name), { Properties: { ...chosenProperties(name), Role: getAtt(roleId(name), 'Arn') } }],
    [logGroupId(name), { Properties: chosenLogGroupProperties }],
    ...sources.flatMap((source): [string, CloudValue][] =>
      source.kind === 'stream' && source.onlyIf !== undefined
        ? [[streamMappingId(name, source), { ...mappingCondition(source) }]]
        : [],
    ),
  ]);
  return {
    Parameters: parameters,
    Conditions: conditions,
    Resources: sharedResources,
    Outputs: sharedOutputs,
    extensions: Object.fromEntries(chosen),
  };
}

/** `provider.stackParameters:`, each to be given by `--param NAME=VALUE`. */
export function serverlessParameters(): readonly CloudProperties[] {
  return Object.entries(parameters).map(([name, { Default }]) => ({
    ParameterKey: name,
    ParameterValue: `\${param:${name}, '${Default ?? ''}'}`,
  }));
}

/** `provider.environment:` */
export function serverlessEnvironment(): CloudProperties {
  return functionEnvironment;
}

function serverlessFunction(definition: FunctionDefinition): CloudProperties {
  const { name, asynchronous } = definition;
  const failures: CloudProperties =
    asynchronous === undefined
      ? {}
      : {
          maximumRetryAttempts: asynchronous.retriesMax,
          maximumEventAge: asynchronous.eventAgeSecondsMax,
          destinations: { onFailure: { type: 'sqs', arn: getAtt('FailedEvents', 'Arn') } },
        };
  return {
    description: definition.description,
    handler: functionHandler(name),
    // In this form osls adds no dependency to the one that the reference makes; the role itself is set below `resources`.
    role: { 'Fn::Sub': `\${${roleId(name)}.Arn}` },
    memorySize: definition.memoryMb,
    timeout: definition.timeoutSeconds,
    package: { patterns: [`dist/functions/${name}/**`] },
    ...failures,
    ...(definition.hasUrl ? { url: { authorizer: 'aws_iam', invokeMode: 'RESPONSE_STREAM' } } : {}),
    events: definition.sources.map(serverlessEvent),
  };
}

function serverlessEvent(source: EventSource): CloudProperties {
  if (source.kind === 'stream') {
    return {
      stream: {
        type: 'kinesis',
        arn: getAtt(source.stream, 'Arn'),
        startingPosition: 'TRIM_HORIZON',
        batchSize: source.batchRecordsMax,
        batchWindow: source.batchWindowSeconds,
        parallelizationFactor: 1,
        bisectBatchOnFunctionError: true,
        maximumRetryAttempts: source.retriesMax,
        maximumRecordAgeInSeconds: source.recordAgeSecondsMax,
        functionResponseType: 'ReportBatchItemFailures',
        ...(source.noteOnFailure
          ? { destinations: { onFailure: { type: 'sqs', arn: getAtt('FailedEvents', 'Arn') } } }
          : {}),
      },
    };
  }
  const trigger: CloudProperties =
    source.kind === 'schedule' ? { schedule: source.rate } : { pattern: snapshotPattern(source.keyPattern) };
  return { eventBridge: { ...trigger, deadLetterQueueArn: getAtt('FailedEvents', 'Arn') } };
}
