/** What whoever deploys may choose, with its default; the same names in all three forms. */
import { type CloudParameter, type CloudValue, ref } from './cloudformation.ts';
import { functionDefinitions, logicalName } from './functions.ts';

const arnPatternEnd = '[a-z0-9-]*:[0-9]{12}:';

type Parameters = { readonly [name: string]: CloudParameter };

const streams: Parameters = {
  LogMode: {
    Type: 'String',
    Default: 'PROVISIONED',
    AllowedValues: ['PROVISIONED', 'ON_DEMAND'],
    Description: 'PROVISIONED has LogShards shards and the lowest price; ON_DEMAND grows by itself',
  },
  LogShards: {
    Type: 'Number',
    Default: 1,
    MinValue: 1,
    MaxValue: 10_000,
    Description: 'Shards of a provisioned log; each takes 1 MB or 1,000 records a second',
  },
  LogRetentionHours: {
    Type: 'Number',
    Default: 168,
    MinValue: 24,
    MaxValue: 8760,
    Description: 'How long the log keeps records; ingest may stand still this long without losing any',
  },
  GroupCommit: {
    Type: 'String',
    Default: 'OFF',
    AllowedValues: ['OFF', 'ON'],
    Description:
      'ON has a stream of commit messages, so that several shards of one table are committed together; OFF has ingest commit by itself, which is as good with one shard and costs less',
  },
};

const functions: Parameters = {
  Runtime: {
    Type: 'String',
    Default: 'nodejs22.x',
    AllowedValues: ['nodejs22.x', 'nodejs24.x'],
    Description: 'Runtime of all functions',
  },
  Architecture: {
    Type: 'String',
    Default: 'arm64',
    AllowedValues: ['arm64', 'x86_64'],
    Description: 'Processor of all functions; the bundles must be made for it',
  },
  LogLevel: {
    Type: 'String',
    Default: 'INFO',
    AllowedValues: ['DEBUG', 'INFO', 'WARN', 'ERROR'],
    Description: 'What the functions write down',
  },
  LogGroupRetentionDays: {
    Type: 'Number',
    Default: 30,
    AllowedValues: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3653],
    Description: 'How long CloudWatch keeps what the functions write down',
  },
  Tracing: {
    Type: 'String',
    Default: 'PassThrough',
    AllowedValues: ['PassThrough', 'Active'],
    Description: 'Active sends traces of the functions to X-Ray',
  },
};

const security: Parameters = {
  KmsKeyArn: {
    Type: 'String',
    Default: '',
    AllowedPattern: `^$|^arn:[a-z-]+:kms:${arnPatternEnd}key/[A-Za-z0-9-]+$`,
    ConstraintDescription: 'must be empty or the ARN of a KMS key',
    Description: 'A key of your own for the bucket, the streams and the function logs; empty: AWS keys',
  },
  AdoptColumns: {
    Type: 'String',
    Default: 'OFF',
    AllowedValues: ['OFF', 'ON'],
    Description:
      'ON lets ingest write schemas, so that tables whose option schema.evolution is adopt take over columns that rows bring; OFF lets no function change a table',
  },
  AccessLogBucket: {
    Type: 'String',
    Default: '',
    AllowedPattern: '^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
    ConstraintDescription: 'must be empty or the name of a bucket',
    Description: 'An existing bucket that gets the access log of the warehouse; empty: no access log',
  },
};

const accounts: CloudParameter = {
  Type: 'CommaDelimitedList',
  Default: '',
  AllowedPattern: '^$|^[0-9]{12}$',
  ConstraintDescription: 'must be empty or numbers of AWS accounts, 12 digits each, with commas between them',
  Description: '',
};

const sharing: Parameters = {
  ReaderAccounts: {
    ...accounts,
    Description: 'Other AWS accounts that may read tables and the log through ReaderRole',
  },
  ProducerAccounts: { ...accounts, Description: 'Other AWS accounts that may append to the log through ProducerRole' },
};

const alarms: Parameters = {
  AlarmTopicArn: {
    Type: 'String',
    Default: '',
    AllowedPattern: `^$|^arn:[a-z-]+:sns:${arnPatternEnd}[A-Za-z0-9_.-]+$`,
    ConstraintDescription: 'must be empty or the ARN of an SNS topic',
    Description: 'An SNS topic that is told of every alarm and its end; empty: alarms are only shown',
  },
  IngestLagAlarmMs: {
    Type: 'Number',
    Default: 300_000,
    MinValue: 60_000,
    Description: 'How far behind the log ingest may be before the alarm',
  },
  FreshnessAlarmMs: {
    Type: 'Number',
    Default: 120_000,
    MinValue: 1000,
    Description: 'How old the oldest row of a commit may be, from its arrival in the log, before the alarm',
  },
  CommitConflictsAlarmCount: {
    Type: 'Number',
    Default: 300,
    MinValue: 1,
    Description: 'How many commits may lose against others in five minutes before the alarm',
  },
};

/** Name of the parameter that reserves concurrency for a function. */
export function concurrencyParameter(functionName: string): string {
  return `${logicalName(functionName)}Concurrency`;
}

const concurrency: Parameters = Object.fromEntries(
  functionDefinitions.map(({ name }) => [
    concurrencyParameter(name),
    {
      Type: 'Number',
      Default: -1,
      MinValue: -1,
      Description: `Concurrent executions reserved for ${name}, which are also its most; -1: none reserved, no limit of its own`,
    } satisfies CloudParameter,
  ]),
);

/** The bundles, where a template does not come with them. */
export const codeParameters: Parameters = {
  CodeBucket: { Type: 'String', Description: 'The bucket with the zipped bundles, in the region of the stack' },
  CodePrefix: {
    Type: 'String',
    Default: '',
    Description: 'What stands before NAME.zip in their keys; another one for every version, or nothing is updated',
  },
};

export const parameterGroups: { readonly [label: string]: Parameters } = {
  Log: streams,
  Functions: functions,
  Security: security,
  Sharing: sharing,
  Alarms: alarms,
  Concurrency: concurrency,
};

export const parameters: Parameters = Object.assign({}, ...Object.values(parameterGroups));

/** Why a parameter does not take a value, as text; undefined when it does. */
export function faultOf(parameter: CloudParameter, value: string): string | undefined {
  const { Type, AllowedValues, AllowedPattern, MinValue, MaxValue, ConstraintDescription } = parameter;
  if (AllowedValues !== undefined && !AllowedValues.map(String).includes(value)) {
    return `must be one of ${AllowedValues.join(', ')}`;
  }
  if (Type === 'Number') {
    if (!/^-?\d+$/.test(value)) return 'must be a whole number';
    if (MinValue !== undefined && Number(value) < MinValue) return `must be at least ${MinValue}`;
    if (MaxValue !== undefined && Number(value) > MaxValue) return `must be at most ${MaxValue}`;
  }
  const parts = Type === 'CommaDelimitedList' ? value.split(',') : [value];
  if (AllowedPattern !== undefined && !parts.every(part => new RegExp(AllowedPattern).test(part))) {
    return ConstraintDescription;
  }
  return undefined;
}

const isSet = (name: string): CloudValue => ({ 'Fn::Not': [{ 'Fn::Equals': [ref(name), ''] }] });

const isListed = (name: string): CloudValue => ({
  'Fn::Not': [{ 'Fn::Equals': [{ 'Fn::Join': ['', ref(name)] }, ''] }],
});

/** Name of the condition that a function has concurrency reserved. */
export function concurrencyCondition(functionName: string): string {
  return `${concurrencyParameter(functionName)}IsSet`;
}

export const conditions: { readonly [name: string]: CloudValue } = {
  LogIsProvisioned: { 'Fn::Equals': [ref('LogMode'), 'PROVISIONED'] },
  CommitsAreGrouped: { 'Fn::Equals': [ref('GroupCommit'), 'ON'] },
  ColumnsAreAdopted: { 'Fn::Equals': [ref('AdoptColumns'), 'ON'] },
  KeyIsOwn: isSet('KmsKeyArn'),
  AccessIsLogged: isSet('AccessLogBucket'),
  AlarmsAreTold: isSet('AlarmTopicArn'),
  ReadersAreElsewhere: isListed('ReaderAccounts'),
  ProducersAreElsewhere: isListed('ProducerAccounts'),
  TracesAreSent: { 'Fn::Equals': [ref('Tracing'), 'Active'] },
  ...Object.fromEntries(
    functionDefinitions.map(({ name }): [string, CloudValue] => [
      concurrencyCondition(name),
      { 'Fn::Not': [{ 'Fn::Equals': [ref(concurrencyParameter(name)), -1] }] },
    ]),
  ),
};
