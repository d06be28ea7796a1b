/**
 * What each function may do, and nothing else: a role of its own with one policy, written down statement by statement. What
 * depends on a choice of whoever deploys (a key of their own, traces) comes as a policy that is added to the roles.
 */
import {
  type CloudProperties,
  type CloudResource,
  type CloudResources,
  type CloudValue,
  either,
  getAtt,
  join,
  ref,
  stackTags,
  sub,
} from './cloudformation.ts';
import { type FunctionName, functionDefinitions, roleId } from './functions.ts';

const bucketArn = getAtt('WarehouseBucket', 'Arn');
const logArn = getAtt('LogStream', 'Arn');
const commitArn = getAtt('CommitStream', 'Arn');

function allow(actions: readonly string[], resource: CloudValue, sid?: string): CloudProperties {
  return { ...(sid === undefined ? {} : { Sid: sid }), Effect: 'Allow', Action: actions, Resource: resource };
}

/**
 * Objects of the warehouse, by keys within it. The warehouse may be a folder of the bucket, and a star also stands for
 * slashes, so each pattern begins with one: `*.db/*` is everything of any table, its branches included.
 */
function objects(...patterns: readonly string[]): readonly CloudValue[] {
  return patterns.map(pattern => join('/', [bucketArn, pattern]));
}

const tables = '*.db/*';
/** What is too large for a record of the log. */
const claims = '*tidelake/claims/*';
/** Who has which producer's name. */
const producers = '*tidelake/producers/*';
/** Records that nobody can read. */
const unreadable = '*tidelake/unreadable/*';
/** Up to where of the log every table has taken all. */
const checkpoints = '*tidelake-log/*';
/** What each function has used. */
const ledger = '*tidelake/cost/*';
const dataFiles = '*.db/*/bucket-*/*';
/** What a compaction that sorts more than fits into memory puts down, reads and removes; no table has files of such names. */
const temporaryFiles = '*.db/*/bucket-*/temporary-*';
/** Hash indexes and deletion vectors, which whoever writes rows makes. */
const indexFiles = '*.db/*/index/*';
/** What a commit writes. */
const commitFiles = ['*.db/*/manifest/*', '*.db/*/snapshot/*'];
/** States of ingest and dead letters, of one table. */
const ingestFiles = '*.db/*/tidelake/*';

/** Versions of a table's schema. */
const schemaFiles = '*.db/*/schema/*';

/**
 * Of all keys, whatever functions read: who may not list is told that an object which is not there is denied, and takes
 * that for a fault.
 */
const listWarehouse = allow(['s3:ListBucket'], bucketArn, 'ListWarehouse');

function read(...patterns: readonly string[]): CloudProperties {
  return allow(['s3:GetObject'], objects(...patterns), 'ReadWarehouse');
}

function write(...patterns: readonly string[]): CloudProperties {
  return allow(['s3:PutObject'], objects(...patterns), 'WriteWarehouse');
}

function remove(...patterns: readonly string[]): CloudProperties {
  return allow(['s3:DeleteObject'], objects(...patterns), 'RemoveFiles');
}

const readLog = allow(
  ['kinesis:DescribeStreamSummary', 'kinesis:GetRecords', 'kinesis:GetShardIterator', 'kinesis:ListShards'],
  logArn,
  'ReadLog',
);
/** AWS Lambda polls a stream with the function's role. */
const pollLog = allow(['kinesis:DescribeStream'], logArn, 'PollLog');
const pollCommits = allow(
  [
    'kinesis:DescribeStream',
    'kinesis:DescribeStreamSummary',
    'kinesis:GetRecords',
    'kinesis:GetShardIterator',
    'kinesis:ListShards',
  ],
  commitArn,
  'PollCommits',
);
/** It asks for this, too, which is not to be had for a single stream. */
const pollStreams = allow(['kinesis:ListStreams'], '*', 'PollStreams');
const appendToLog = allow(['kinesis:PutRecords'], logArn, 'AppendToLog');
const appendCommits = allow(['kinesis:DescribeStreamSummary', 'kinesis:PutRecords'], commitArn, 'AppendCommits');
const reportFailures = allow(['sqs:SendMessage'], getAtt('FailedEvents', 'Arn'), 'ReportFailures');

const statements: Readonly<Record<FunctionName, readonly CloudProperties[]>> = {
  ingest: [
    listWarehouse,
    read(tables, checkpoints, claims),
    write(dataFiles, indexFiles, ...commitFiles, ingestFiles, checkpoints, unreadable, ledger),
    readLog,
    pollLog,
    pollStreams,
    reportFailures,
  ],
  commit: [listWarehouse, read(tables), write(...commitFiles, ingestFiles, ledger)],
  compact: [
    listWarehouse,
    read(tables),
    write(dataFiles, indexFiles, ...commitFiles, ledger),
    remove(temporaryFiles),
    reportFailures,
  ],
  // The only one that deletes what is in a table.
  maintain: [
    listWarehouse,
    read(tables, checkpoints, ledger),
    write(tables, checkpoints, unreadable, ledger),
    remove(tables, claims, ledger),
    readLog,
    reportFailures,
  ],
  query: [listWarehouse, read(tables, checkpoints, claims, ledger), write(ledger), readLog],
  catalog: [listWarehouse, read(tables, checkpoints, claims, producers), write(claims, ledger), readLog, appendToLog],
};

/** What somebody else may do, as actions. */
export type SharedActions = {
  readonly bucket: readonly string[];
  /** On objects, by pattern of their keys. */
  readonly keys: readonly { readonly action: string; readonly patterns: readonly string[] }[];
  readonly log: readonly string[];
  /** On a key of one's own. */
  readonly key: readonly ('kms:Decrypt' | 'kms:GenerateDataKey')[];
};

/** Tables, and the log behind them. */
export const readActions: SharedActions = {
  bucket: ['s3:ListBucket'],
  keys: [{ action: 's3:GetObject', patterns: [tables, checkpoints, claims] }],
  log: ['kinesis:DescribeStreamSummary', 'kinesis:GetRecords', 'kinesis:GetShardIterator', 'kinesis:ListShards'],
  key: ['kms:Decrypt'],
};

/** Whoever appends reads schemas, puts aside what is too large for a record, and writes down what that cost. */
export const produceActions: SharedActions = {
  bucket: ['s3:ListBucket'],
  keys: [
    { action: 's3:GetObject', patterns: [tables] },
    { action: 's3:PutObject', patterns: [claims, ledger] },
  ],
  log: ['kinesis:DescribeStreamSummary', 'kinesis:PutRecords'],
  key: ['kms:Decrypt', 'kms:GenerateDataKey'],
};

export const roleResources: CloudResources = {
  ...Object.fromEntries(
    functionDefinitions.map(({ name }): [string, CloudResource] => [roleId(name), functionRole(name)]),
  ),
  AppendCommits: addedPolicy({
    name: 'AppendCommits',
    comment: 'When commits are grouped: ingest sends its own.',
    condition: 'CommitsAreGrouped',
    names: ['ingest'],
    statements: [appendCommits],
  }),
  PollCommits: addedPolicy({
    name: 'PollCommits',
    comment: 'When commits are grouped: Lambda polls them.',
    condition: 'CommitsAreGrouped',
    names: ['commit'],
    statements: [pollCommits, pollStreams],
  }),
  ChangeSchemas: addedPolicy({
    name: 'ChangeSchemas',
    comment: 'When tables may adopt columns: ingest changes their schemas.',
    condition: 'ColumnsAreAdopted',
    names: ['ingest'],
    statements: [allow(['s3:PutObject'], objects(schemaFiles), 'WriteSchemas')],
  }),
  UseKey: addedPolicy({
    name: 'UseKey',
    comment: 'With a key of your own: what is read must be decrypted, what is written encrypted.',
    condition: 'KeyIsOwn',
    statements: [useKey('kms:Decrypt', 'kms:GenerateDataKey')],
  }),
  SendTraces: addedPolicy({
    name: 'SendTraces',
    comment: 'When traces are sent: there is no resource to be named for them.',
    condition: 'TracesAreSent',
    statements: [allow(['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], '*')],
  }),
  ReadLake: sharedPolicy('For whoever reads tables and the log.', readActions),
  ProduceToLake: sharedPolicy('For whoever appends rows to the log.', produceActions),
  ReaderRole: sharedRole({ condition: 'ReadersAreElsewhere', accounts: 'ReaderAccounts', policy: 'ReadLake' }),
  ProducerRole: sharedRole({
    condition: 'ProducersAreElsewhere',
    accounts: 'ProducerAccounts',
    policy: 'ProduceToLake',
  }),
};

function functionRole(name: FunctionName): CloudResource {
  return {
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
      },
      Policies: [
        {
          PolicyName: name,
          PolicyDocument: { Version: '2012-10-17', Statement: [writeOwnLogs(name), ...statements[name]] },
        },
      ],
      Tags: stackTags,
    },
  };
}

function writeOwnLogs(name: FunctionName): CloudProperties {
  const group = `log-group:/aws/lambda/\${AWS::StackName}-${name}`;
  const arn = `arn:\${AWS::Partition}:logs:\${AWS::Region}:\${AWS::AccountId}:${group}:*`;
  return allow(['logs:CreateLogStream', 'logs:PutLogEvents'], sub(arn), 'WriteOwnLogs');
}

function viaService(service: string): CloudProperties {
  return sub(`${service}.\${AWS::Region}.\${AWS::URLSuffix}`);
}

/** S3 and Kinesis use the key for the caller, so the right holds only for calls that come through them. */
function useKey(...actions: SharedActions['key']): CloudProperties {
  const through = { StringEquals: { 'kms:ViaService': [viaService('s3'), viaService('kinesis')] } };
  return { ...allow(actions, ref('KmsKeyArn'), 'UseKey'), Condition: through };
}

function sharedPolicy(comment: string, { bucket, keys, log, key }: SharedActions): CloudResource {
  const statements = [
    allow(bucket, bucketArn),
    ...keys.map(({ action, patterns }) => allow([action], objects(...patterns))),
    allow(log, logArn),
  ];
  const document = (all: readonly CloudProperties[]): CloudProperties => ({ Version: '2012-10-17', Statement: all });
  return {
    comment,
    Type: 'AWS::IAM::ManagedPolicy',
    Properties: {
      PolicyDocument: either('KeyIsOwn', document([...statements, useKey(...key)]), document(statements)),
    },
  };
}

function sharedRole(options: {
  readonly condition: string;
  readonly accounts: string;
  readonly policy: string;
}): CloudResource {
  return {
    Type: 'AWS::IAM::Role',
    Condition: options.condition,
    Properties: {
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { AWS: ref(options.accounts) }, Action: 'sts:AssumeRole' }],
      },
      ManagedPolicyArns: [ref(options.policy)],
      Tags: stackTags,
    },
  };
}

/** For the roles of some functions, or of all. */
function addedPolicy(options: {
  readonly name: string;
  readonly comment: string;
  readonly condition: string;
  readonly names?: readonly FunctionName[];
  readonly statements: readonly CloudProperties[];
}): CloudResource {
  const names = options.names ?? functionDefinitions.map(({ name }) => name);
  return {
    comment: options.comment,
    Type: 'AWS::IAM::Policy',
    Condition: options.condition,
    Properties: {
      PolicyName: options.name,
      PolicyDocument: { Version: '2012-10-17', Statement: options.statements },
      Roles: names.map(name => ref(roleId(name))),
    },
  };
}
