/**
 * What each function may do, and nothing else: a role of its own with one policy, written down statement by statement. What
 * depends on a choice of whoever deploys (a key of their own, traces) comes as a policy that is added to the roles.
 */
import {
  type CloudProperties,
  type CloudResource,
  type CloudResources,
  type CloudValue,
  getAtt,
  join,
  ref,
  stackTags,
  sub,
} from './cloudformation.ts';
import { type FunctionName, functionDefinitions, roleId } from './functions.ts';
import { warehouseObjects } from './storage.ts';

const bucketArn = getAtt('WarehouseBucket', 'Arn');
const logArn = getAtt('LogStream', 'Arn');
const commitArn = getAtt('CommitStream', 'Arn');

export function allow(actions: readonly string[], resource: CloudValue, sid?: string): CloudProperties {
  return { ...(sid === undefined ? {} : { Sid: sid }), Effect: 'Allow', Action: actions, Resource: resource };
}

const listWarehouse = allow(['s3:ListBucket'], bucketArn, 'ListWarehouse');
const readWarehouse = allow(['s3:GetObject'], warehouseObjects, 'ReadWarehouse');
const writeWarehouse = allow(['s3:PutObject'], warehouseObjects, 'WriteWarehouse');
const removeFiles = allow(['s3:DeleteObject'], warehouseObjects, 'RemoveFiles');
/** What is too large for a record of the log goes beside it. */
export const writeClaims: CloudProperties = allow(
  ['s3:PutObject'],
  join('/', [bucketArn, 'tidelake/claims/*']),
  'WriteClaims',
);

const streamReads = [
  'kinesis:DescribeStream',
  'kinesis:DescribeStreamSummary',
  'kinesis:GetRecords',
  'kinesis:GetShardIterator',
  'kinesis:ListShards',
];
const readLog = allow(streamReads, logArn, 'ReadLog');
const readCommits = allow(streamReads, commitArn, 'ReadCommits');
/** AWS Lambda, which polls a stream with the function's role, asks for it, and it is not to be had for a single stream. */
const pollStreams = allow(['kinesis:ListStreams'], '*', 'PollStreams');
export const appendToLog: CloudProperties = allow(['kinesis:PutRecords'], logArn, 'AppendToLog');
const appendCommits = allow(['kinesis:PutRecords'], commitArn, 'AppendCommits');
const reportFailures = allow(['sqs:SendMessage'], getAtt('FailedEvents', 'Arn'), 'ReportFailures');

const statements: Readonly<Record<FunctionName, readonly CloudProperties[]>> = {
  ingest: [listWarehouse, readWarehouse, writeWarehouse, readLog, pollStreams, appendCommits, reportFailures],
  commit: [listWarehouse, readWarehouse, writeWarehouse, readCommits, pollStreams],
  compact: [listWarehouse, readWarehouse, writeWarehouse, reportFailures],
  // The only one that deletes.
  maintain: [listWarehouse, readWarehouse, writeWarehouse, removeFiles, readLog, reportFailures],
  query: [listWarehouse, readWarehouse, readLog],
  catalog: [listWarehouse, readWarehouse, readLog, appendToLog, writeClaims],
};

/** Functions that only decrypt with a key of one's own, since they write nothing. */
const readers: readonly FunctionName[] = ['query'];

export const roleResources: CloudResources = {
  ...Object.fromEntries(
    functionDefinitions.map(({ name }): [string, CloudResource] => [roleId(name), functionRole(name)]),
  ),
  ...keyPolicies(),
  SendTraces: addedPolicy({
    comment: 'When traces are sent: there is no resource to be named for them.',
    condition: 'TracesAreSent',
    names: functionDefinitions.map(({ name }) => name),
    statements: [allow(['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], '*')],
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
function keyPolicies(): CloudResources {
  const through = {
    StringEquals: {
      'kms:ViaService': [viaService('s3'), viaService('kinesis')],
    },
  };
  const names = functionDefinitions.map(({ name }) => name);
  return {
    DecryptWithKey: addedPolicy({
      comment: 'With a key of your own: what reads must decrypt.',
      condition: 'KeyIsOwn',
      names,
      statements: [{ ...allow(['kms:Decrypt'], ref('KmsKeyArn')), Condition: through }],
    }),
    EncryptWithKey: addedPolicy({
      comment: 'With a key of your own: what writes must encrypt.',
      condition: 'KeyIsOwn',
      names: names.filter(name => !readers.includes(name)),
      statements: [{ ...allow(['kms:GenerateDataKey'], ref('KmsKeyArn')), Condition: through }],
    }),
  };
}

function addedPolicy(options: {
  readonly comment: string;
  readonly condition: string;
  readonly names: readonly FunctionName[];
  readonly statements: readonly CloudProperties[];
}): CloudResource {
  return {
    comment: options.comment,
    Type: 'AWS::IAM::ManagedPolicy',
    Condition: options.condition,
    Properties: {
      PolicyDocument: { Version: '2012-10-17', Statement: options.statements },
      Roles: options.names.map(name => ref(roleId(name))),
    },
  };
}
