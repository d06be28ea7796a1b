import { expect, test } from 'vitest';
import type { CloudResource, CloudResources } from '../definitions/cloudformation.ts';
import { warehouseTemplate } from '../definitions/template.ts';
import { parseDeployOptions } from './options.ts';
import { changesOf, plannedFunctions, resourcesByType } from './plan.ts';
import { type Deployed, planText } from './plan-text.ts';

const template = warehouseTemplate();

function queue(properties: CloudResource['Properties']): CloudResource {
  return { Type: 'AWS::SQS::Queue', Properties: properties };
}

function of(resources: CloudResources): { readonly Resources: CloudResources } {
  return { Resources: resources };
}

test('a template is no change of itself', () => {
  expect(changesOf(template, template)).toEqual([]);
});

test('what is added, removed and changed is told, by property; where the code lies is no change, nor the order of keys', () => {
  const before = of({
    Gone: queue({}),
    Same: queue({ A: { x: 1, y: 2 } }),
    Told: queue({ A: 1, B: [1, 2], Code: 'one' }),
    Code: queue({ Code: { S3Key: 'monday' } }),
    Other: { Type: 'AWS::SNS::Topic', Properties: {} },
  });
  const after = of({
    Same: queue({ A: { y: 2, x: 1 } }),
    Told: queue({ B: [2, 1], C: true, Code: 'two' }),
    Code: queue({ Code: { S3Key: 'tuesday' } }),
    Other: queue({}),
    Come: queue({}),
  });
  expect(changesOf(before, after)).toEqual([
    { kind: 'added', id: 'Come', type: 'AWS::SQS::Queue' },
    { kind: 'removed', id: 'Gone', type: 'AWS::SQS::Queue' },
    { kind: 'changed', id: 'Other', type: 'AWS::SQS::Queue', properties: ['Type'] },
    { kind: 'changed', id: 'Told', type: 'AWS::SQS::Queue', properties: ['A', 'B', 'C'] },
  ]);
});

test('what decides over a resource beside its properties is told as well', () => {
  const same = {
    Condition: 'A',
    DependsOn: ['Told'],
    DeletionPolicy: 'Retain',
    UpdateReplacePolicy: 'Retain',
  } as const;
  const before = of({ Same: { ...queue({}), ...same }, Told: { ...queue({ A: 1 }), ...same } });
  const after = of({
    Same: { ...queue({}), ...same },
    Told: { ...queue({ A: 2 }), Condition: 'B', DeletionPolicy: 'Delete', UpdateReplacePolicy: 'Delete' },
  });
  const properties = ['Condition', 'DependsOn', 'DeletionPolicy', 'UpdateReplacePolicy', 'A'];
  expect(changesOf(before, after)).toEqual([{ kind: 'changed', id: 'Told', type: 'AWS::SQS::Queue', properties }]);
});

test('a function comes with what calls it and what it may do', () => {
  const maintain = plannedFunctions(template).find(({ name }) => name === 'maintain');
  expect(maintain?.calledBy).toEqual(['rate(10 minutes)']);
  expect(maintain?.rights).toContainEqual(
    expect.stringMatching(/^s3:DeleteObject on WarehouseBucket\/\*\.db\/\*, WarehouseBucket\//),
  );
  expect(maintain?.rights[0]).toBe('logs:CreateLogStream logs:PutLogEvents on the log group of maintain');
});

test('what is added to a role counts as its right', () => {
  const rights = plannedFunctions(template).find(({ name }) => name === 'ingest')?.rights;
  expect(rights).toContain('kinesis:DescribeStreamSummary kinesis:PutRecords on CommitStream');
});

test('resources stand by type', () => {
  const byType = resourcesByType(template);
  expect(byType.get('AWS::Kinesis::Stream')).toEqual(['LogStream', 'CommitStream']);
  expect([...byType.values()].flat().length).toBe(Object.keys(template.Resources).length);
});

function linesOf(deployed: Deployed, ...args: readonly string[]): readonly string[] {
  const options = parseDeployOptions(['--stage', 'prod', ...args], {});
  const bundles = { ingest: { zipBytes: 3 * 1024 * 1024, unpackedBytes: 9 * 1024 * 1024 } };
  return planText(options, { template, bundles, deployed }).split('\n');
}

test('the plan of a stack that is new says so, and shows parameters, bundles, what stays and alarms', () => {
  const lines = linesOf({ status: 'none' }, '--set', 'LogShards=4', '--tag', 'team=data');
  const ingest = plannedFunctions(template).find(({ name }) => name === 'ingest');
  expect(ingest?.calledBy[0]).toMatch(/^LogStream, \d+ records or \d+ s$/);
  expect(lines[0]).toBe('Stack tidelake-prod in us-east-1');
  for (const line of [
    '  LogShards = 4  (not 1)',
    '  LogMode = PROVISIONED',
    '  KmsKeyArn = (empty)',
    '  team = data',
    `  ingest: ${ingest?.memoryMb} MB, ${ingest?.timeoutSeconds} s, bundle 3.0 MB zipped, 9.0 MB unpacked`,
    `    called by ${ingest?.calledBy[0]}`,
    '  AWS::Kinesis::Stream: LogStream (stays when the stack is removed)',
    '  DeadLettersAlarm: Rows did not fit their table and were put aside.',
    '  log, 4 shards: $43.80',
    '  the stack is new: everything above is made',
  ]) {
    expect(lines).toContain(line);
  }
});

test('the plan shows what the parameters leave, and nothing else', () => {
  const lines = linesOf({ status: 'none' }, '--set', 'GroupCommit=OFF', '--set', 'ReaderAccounts=123456789012');
  const ofType = (type: string): string => lines.find(line => line.startsWith(`  ${type}: `)) ?? '';
  expect(ofType('AWS::Kinesis::Stream')).toBe('  AWS::Kinesis::Stream: LogStream (stays when the stack is removed)');
  expect(lines.filter(line => /CommitStream/.test(line))).toEqual([]);
  expect(ofType('AWS::IAM::Role')).toMatch(/, ReaderRole$/);
  expect(lines.filter(line => /UseKey|SendTraces/.test(line))).toEqual([]);
});

test('the plan of a stack that exists shows what would change, and what leaves it', () => {
  const { FailedEvents: _, ...rest } = template.Resources;
  const old: CloudResource = { ...queue({}), DeletionPolicy: 'Retain' };
  const older: CloudResource = { ...old, DeletionPolicy: 'RetainExceptOnCreate' };
  const changed = {
    ...rest,
    Old: old,
    Older: older,
    Queue: queue({}),
    Dashboard: { Type: 'AWS::CloudWatch::Dashboard', Properties: {} },
  };
  const lines = linesOf({
    status: 'exists',
    template: of(changed),
    parameters: { LogShards: '2', LogMode: 'PROVISIONED' },
  });
  for (const line of [
    '  LogShards = 1  (not 2)',
    '  LogMode = PROVISIONED',
    '  + FailedEvents (AWS::SQS::Queue)',
    '  - Old (AWS::SQS::Queue): leaves the stack, stays in the account',
    '  - Older (AWS::SQS::Queue): leaves the stack, stays in the account',
    '  - Queue (AWS::SQS::Queue)',
    '  ~ Dashboard (AWS::CloudWatch::Dashboard): DashboardName, DashboardBody',
    '  and the bundles',
  ]) {
    expect(lines).toContain(line);
  }
});

test('without credentials the plan says that changes are not known', () => {
  expect(linesOf({ status: 'not-known', why: 'no credentials' })).toContain('  not known: no credentials');
});
