import { expect, test } from 'vitest';
import { chosenTemplate } from './choose.ts';
import type { CloudValue } from './cloudformation.ts';
import { warehouseTemplate } from './template.ts';

const template = warehouseTemplate();

function chosenText(choices: Parameters<typeof chosenTemplate>[1]): string {
  return JSON.stringify(chosenTemplate(template, choices));
}

test('nothing is left open but what the stack itself knows', () => {
  const code = { CodeBucket: 'bundles', CodePrefix: '1/' };
  const text = chosenText({ ...code, 'AWS::StackName': 'tidelake-a' });
  expect(text).not.toMatch(/Fn::If|AWS::NoValue|"Condition":"|AWS::StackName/);
  const { Resources } = chosenTemplate(template, code);
  expect(Resources['IngestLambdaFunction']?.Properties['Code']).toEqual({ S3Bucket: 'bundles', S3Key: '1/ingest.zip' });
  expect(Resources['LogStream']?.Properties).toMatchObject({
    ShardCount: 1,
    StreamModeDetails: { StreamMode: 'PROVISIONED' },
  });
});

test('without group commit there is no commit stream, and nobody refers to one', () => {
  const chosen = chosenTemplate(template, { GroupCommit: 'OFF' });
  expect(JSON.stringify(chosen)).not.toMatch(/"CommitStream"|TIDELAKE_COMMIT_LOG|AppendCommits|PollCommits/);
  expect(Object.keys(chosen.Resources)).toContain('CommitLambdaFunction');
  expect(chosenText({ GroupCommit: 'ON' })).toMatch(/"CommitStream".*TIDELAKE_COMMIT_LOG/);
});

test('what cannot be chosen is named with the place where it stands', () => {
  const queue = { Type: 'AWS::SQS::Queue', Properties: {} };
  const deep = Array.from({ length: 60 }).reduce<readonly CloudValue[]>(inner => [inner], []);
  const cases: readonly (readonly [Parameters<typeof chosenTemplate>[0], string])[] = [
    [
      { Conditions: {}, Resources: { Q: { ...queue, Condition: 'Missing' } } },
      'condition Missing is not known: undefined',
    ],
    [{ Conditions: {}, Resources: { Q: { ...queue, Properties: { Deep: deep } } } }, 'resource Q: a value is too deep'],
    [
      { Conditions: {}, Resources: {}, Outputs: { O: { Description: '', Value: { Ref: 'AWS::NoValue' } } } },
      'output O: nothing is left of its value',
    ],
  ];
  for (const [open, why] of cases) expect(() => chosenTemplate(open, {})).toThrow(why);
});

test('what a choice brings with it comes, and goes without it', () => {
  const usual = chosenTemplate(template, {});
  expect(Object.keys(usual.Resources)).not.toContain('UseKey');
  expect(usual.Resources['LogStream']?.Properties).not.toHaveProperty('KmsKeyId');
  expect(Object.keys(usual.Outputs)).not.toContain('ReaderRoleArn');
  const { Resources, Outputs } = chosenTemplate(template, {
    KmsKeyArn: { 'Fn::GetAtt': ['Key', 'Arn'] },
    LogMode: 'ON_DEMAND',
    ReaderAccounts: ['123456789012'],
    IngestConcurrency: 5,
  });
  expect(Resources['LogStream']?.Properties).toMatchObject({
    StreamEncryption: { EncryptionType: 'KMS', KeyId: { 'Fn::GetAtt': ['Key', 'Arn'] } },
  });
  expect(Resources['LogStream']?.Properties).not.toHaveProperty('ShardCount');
  expect(Resources['UseKey']?.Type).toBe('AWS::IAM::Policy');
  expect(Resources['IngestLambdaFunction']?.Properties['ReservedConcurrentExecutions']).toBe(5);
  expect(Resources['CommitLambdaFunction']?.Properties).not.toHaveProperty('ReservedConcurrentExecutions');
  expect(Outputs['ReaderRoleArn']?.Value).toEqual({ 'Fn::GetAtt': ['ReaderRole', 'Arn'] });
  expect(JSON.stringify(Resources['ReaderRole'])).toContain('"AWS":["123456789012"]');
});
