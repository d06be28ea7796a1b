/** Templates with the values that a deployment gives them, and the rights of their roles. */
import { expect, test } from 'vitest';
import { type Deployment, resolveTemplate } from './resolve-template.ts';
import { bucketStatements, rightText, rolesOf } from './role-rights.ts';

const values = { Bucket: 'lake', 'Bucket.Arn': 'arn:aws:s3:::lake' };

/** What the resources of a role's only policy resolve to. */
function resourceOf(resource: unknown, deployment: Partial<Deployment> = {}, more: object = {}): readonly string[] {
  const statement = { Effect: 'Allow', Action: 's3:GetObject', Resource: resource };
  const template = { ...more, Resources: { Bucket: { Type: 'AWS::S3::Bucket' }, Role: roleWith(statement) } };
  const [role] = rolesOf(resolveTemplate(template, { values, ...deployment }));
  return (role?.rights ?? []).map(right => right.resource);
}

function roleWith(...statements: readonly unknown[]): object {
  const document = { Version: '2012-10-17', Statement: statements };
  return { Type: 'AWS::IAM::Role', Properties: { Policies: [{ PolicyName: 'own', PolicyDocument: document }] } };
}

const choice = { 'Fn::If': ['HasKey', { Ref: 'KeyArn' }, { Ref: 'AWS::NoValue' }] };
const withKey = {
  Parameters: { KeyArn: { Default: '' } },
  Conditions: { HasKey: { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'KeyArn' }, ''] }] } },
};

test.each([
  ['text', 'arn:aws:s3:::lake', ['arn:aws:s3:::lake']],
  ['GetAtt as a text', { 'Fn::GetAtt': 'Bucket.Arn' }, ['arn:aws:s3:::lake']],
  ['GetAtt as a list', { 'Fn::GetAtt': ['Bucket', 'Arn'] }, ['arn:aws:s3:::lake']],
  ['Sub', { 'Fn::Sub': `\${Bucket.Arn}/*` }, ['arn:aws:s3:::lake/*']],
  ['Sub of Ref', { 'Fn::Sub': `arn:\${AWS::Partition}:s3:::\${Bucket}` }, ['arn:aws:s3:::lake']],
  ['Sub with own names', { 'Fn::Sub': [`\${a}/*`, { a: { 'Fn::GetAtt': 'Bucket.Arn' } }] }, ['arn:aws:s3:::lake/*']],
  ['Join', { 'Fn::Join': ['/', [{ 'Fn::GetAtt': 'Bucket.Arn' }, 'x']] }, ['arn:aws:s3:::lake/x']],
  ['Select of Split', { 'Fn::Select': [1, { 'Fn::Split': ['|', 'a|b'] }] }, ['b']],
])('%s is resolved', (_, resource, resolved) => {
  expect(resourceOf(resource)).toEqual(resolved);
});

test('what depends on a parameter is there when the parameter says so', () => {
  expect(resourceOf(['a', choice], {}, withKey)).toEqual(['a']);
  expect(resourceOf(['a', choice], { parameters: { KeyArn: 'arn:key' } }, withKey)).toEqual(['a', 'arn:key']);
});

test.each([
  ['an intrinsic function', { 'Fn::Base64': 'x' }],
  ['a name', { Ref: 'Nothing' }],
  ['an attribute', { 'Fn::GetAtt': 'Bucket.DomainName' }],
  ['an attribute of nothing', { 'Fn::Sub': `\${Nothing.Arn}` }],
])('%s that is not known here is an error', (_, resource) => {
  expect(() => resourceOf(resource)).toThrow(/known/);
});

test('rights come from policies of the role, from managed ones of the template and from those attached to it', () => {
  const statement = (action: string): object => ({ Effect: 'Allow', Action: [action], Resource: '*' });
  const policyOf = (action: string): object => ({ Version: '2012-10-17', Statement: [statement(action)] });
  const template = {
    Resources: {
      Shared: { Type: 'AWS::IAM::ManagedPolicy', Properties: { PolicyDocument: policyOf('s3:ListBucket') } },
      Attached: {
        Type: 'AWS::IAM::Policy',
        Properties: { PolicyDocument: policyOf('s3:PutObject'), Roles: [{ Ref: 'Role' }] },
      },
      Role: {
        Type: 'AWS::IAM::Role',
        Properties: {
          ManagedPolicyArns: [{ Ref: 'Shared' }],
          Policies: [{ PolicyName: 'own', PolicyDocument: policyOf('s3:GetObject') }],
        },
      },
      Other: { Type: 'AWS::IAM::Role', Properties: {} },
    },
  };
  const roles = rolesOf(resolveTemplate(template, { values }));
  expect(roles.map(({ role, rights }) => [role, rights.map(rightText)])).toEqual([
    ['Role', ['Role: s3:GetObject on *', 'Role: s3:ListBucket on *', 'Role: s3:PutObject on *']],
    ['Other', []],
  ]);
});

test('roles with rights that nobody can list are refused', () => {
  const rolesWith = (properties: object): unknown =>
    rolesOf(resolveTemplate({ Resources: { Role: { Type: 'AWS::IAM::Role', Properties: properties } } }, { values }));
  expect(() => rolesWith({ ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonS3FullAccess'] })).toThrow(/no policy/);
  expect(() => rolesWith({ PermissionsBoundary: 'arn:x' })).toThrow(/boundary/);
  const everythingElse = roleWith({ Effect: 'Allow', NotAction: 'iam:*', Resource: '*' });
  expect(() => rolesOf(resolveTemplate({ Resources: { Role: everythingElse } }, { values }))).toThrow(/does not name/);
});

test('the policy of the bucket is a policy of its own', () => {
  const statement = { Effect: 'Deny', Principal: '*', Action: 's3:*', Resource: { 'Fn::GetAtt': 'Bucket.Arn' } };
  const template = {
    Resources: {
      Bucket: { Type: 'AWS::S3::Bucket' },
      Policy: {
        Type: 'AWS::S3::BucketPolicy',
        Properties: { PolicyDocument: { Version: '2012-10-17', Statement: [statement] } },
      },
    },
  };
  expect(bucketStatements(resolveTemplate(template, { values }))).toMatchObject([
    { origin: 'Policy[0]', effect: 'Deny', principals: ['*'], resources: { patterns: ['arn:aws:s3:::lake'] } },
  ]);
});
