// What must be so in the template whatever else changes: nothing of the log is passed over, and nobody may more than it needs.
import { expect, test } from 'vitest';
import { present } from '../../src/base/assert.ts';
import type { CloudProperties, CloudResource } from './cloudformation.ts';
import { warehouseTemplate } from './template.ts';

const template = warehouseTemplate();
const resources = Object.entries(template.Resources);

function ofType(type: string): readonly (readonly [string, CloudResource])[] {
  return resources.filter(([, resource]) => resource.Type === type);
}

/** Whatever gives rights: roles, and policies of roles and of people. */
const granting = ['AWS::IAM::Role', 'AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy'].flatMap(ofType);

/** Every `Ref` and `Fn::GetAtt`, wherever it stands. */
function referencesOf(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, field]) => {
    if (key === 'Ref') return [String(field)];
    if (key === 'Fn::GetAtt' && Array.isArray(field)) return [String(field[0])];
    return referencesOf(field);
  });
}

test('whatever the template refers to is in it, and every parameter and condition is used', () => {
  const known = [...Object.keys(template.Resources), ...Object.keys(template.Parameters)];
  const references = new Set(referencesOf(template));
  expect([...references].filter(name => !name.startsWith('AWS::') && !known.includes(name))).toEqual([]);
  expect(Object.keys(template.Parameters).filter(name => !references.has(name))).toEqual([]);
  const text = JSON.stringify(template.Resources);
  expect(Object.keys(template.Conditions).filter(name => !text.includes(`"${name}"`))).toEqual([]);
});

test('the log reaches ingest in order, from its start, for ever; what retention took away leaves a note', () => {
  const mappings = ofType('AWS::Lambda::EventSourceMapping').filter(([id]) => id.endsWith('LogStream'));
  expect(mappings.map(([, { Properties }]) => Properties)).toEqual([
    {
      BatchSize: expect.any(Number),
      BisectBatchOnFunctionError: true,
      DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': ['FailedEvents', 'Arn'] } } },
      Enabled: true,
      EventSourceArn: { 'Fn::GetAtt': ['LogStream', 'Arn'] },
      FunctionName: { 'Fn::GetAtt': ['IngestLambdaFunction', 'Arn'] },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      MaximumBatchingWindowInSeconds: expect.any(Number),
      MaximumRecordAgeInSeconds: -1,
      MaximumRetryAttempts: -1,
      ParallelizationFactor: 1,
      StartingPosition: 'TRIM_HORIZON',
    },
  ]);
});

test('what holds rows outlives the stack', () => {
  const kept = resources.filter(([, { DeletionPolicy }]) => DeletionPolicy === 'Retain').map(([id]) => id);
  expect(kept).toEqual(['WarehouseBucket', 'WarehouseBucketPolicy', 'LogStream']);
  for (const [, { DeletionPolicy, UpdateReplacePolicy }] of resources) expect(UpdateReplacePolicy).toBe(DeletionPolicy);
});

test('only maintenance deletes objects, but for what compaction has put down for itself, and only catalog and ingest append to streams', () => {
  const may = (pattern: RegExp): readonly string[] =>
    granting.filter(([, grants]) => actionsOf(grants).some(action => pattern.test(action))).map(([id]) => id);
  expect(may(/^s3:(Delete|\*)/)).toEqual(['CompactRole', 'MaintainRole']);
  const ofCompact = ofType('AWS::IAM::Role').find(([id]) => id === 'CompactRole');
  const removing = statementsOf(present(ofCompact, 'CompactRole')[1]).filter(({ Sid }) => Sid === 'RemoveFiles');
  expect(removing.map(({ Resource }) => Resource)).toEqual([
    [{ 'Fn::Join': ['/', [{ 'Fn::GetAtt': ['WarehouseBucket', 'Arn'] }, '*.db/*/bucket-*/temporary-*']] }],
  ]);
  expect(may(/^kinesis:(Put|\*)/)).toEqual(['CatalogRole', 'AppendCommits', 'ProduceToLake']);
  const [, append] = ofType('AWS::IAM::Policy').find(([id]) => id === 'AppendCommits') ?? [];
  expect(append?.Properties['Roles']).toEqual([{ Ref: 'IngestRole' }]);
  expect(may(/\*/)).toEqual([]);
});

test('a resource is named wherever AWS lets one name it', () => {
  const unnamed = granting.flatMap(([, grants]) =>
    statementsOf(grants).flatMap(({ Action, Resource }) => (asList(Resource).includes('*') ? [Action] : [])),
  );
  expect([...new Set(unnamed.map(String))]).toEqual([
    'kinesis:ListStreams',
    'xray:PutTelemetryRecords,xray:PutTraceSegments',
  ]);
});

test('URLs want a signature and answer in streams', () => {
  const urls = ofType('AWS::Lambda::Url').map(([, { Properties }]) => Properties);
  expect(urls.length).toBe(2);
  for (const url of urls) expect(url).toMatchObject({ AuthType: 'AWS_IAM', InvokeMode: 'RESPONSE_STREAM' });
});

test('every alarm says where it stands what to do', () => {
  const alarms = ofType('AWS::CloudWatch::Alarm');
  expect(alarms.length).toBe(11);
  for (const [id, { Properties }] of alarms) {
    expect(Properties['AlarmDescription']).toMatch(
      new RegExp(`\\. What to do: docs/operations\\.md#${id.toLowerCase()}$`),
    );
  }
});

function statementsOf({ Properties }: CloudResource): readonly CloudProperties[] {
  const documents = [
    ...asList(Properties['PolicyDocument']),
    ...asList(Properties['Policies']).flatMap(policy => asList(field(policy, 'PolicyDocument'))),
  ];
  return documents.flatMap(document => asList(field(document, 'Statement'))).map(statement => Object(statement));
}

function actionsOf(role: CloudResource): readonly string[] {
  return statementsOf(role).flatMap(({ Action }) => asList(Action).map(String));
}

/** What may be one or several stands in the template as itself or as a list; of what a condition chooses, both. */
function asList(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap(asList);
  const chosen = field(value, 'Fn::If');
  return Array.isArray(chosen) ? chosen.slice(1).flatMap(asList) : [value];
}

function field(value: unknown, name: string): unknown {
  return Object(value)[name];
}
