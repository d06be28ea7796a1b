/** The evaluator of policies against cases as AWS's documentation of policy elements and evaluation logic tells them. */
import { expect, test } from 'vitest';
import { type AccessDecision, actionMatches, arnMatches, decideAccess } from './evaluate.ts';
import { parsePolicy } from './policy.ts';

const role = 'arn:aws:iam::123456789012:role/JohnDoe';

type Statement = Readonly<Record<string, unknown>>;

function policy(...statements: readonly Statement[]): ReturnType<typeof parsePolicy> {
  return parsePolicy('test', { Version: '2012-10-17', Statement: statements });
}

function ask(
  identity: readonly Statement[],
  [action, resource, context = {}]: readonly [string, string, Record<string, string>?],
  bucket: readonly Statement[] = [],
): AccessDecision['status'] {
  const request = { principal: role, action, resource, context };
  return decideAccess(request, { identity: policy(...identity), resource: policy(...bucket) }).status;
}

const allow = (Action: unknown, Resource: unknown, more: Statement = {}): Statement => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
});
const deny = (Action: unknown, Resource: unknown, more: Statement = {}): Statement => ({
  ...allow(Action, Resource, more),
  Effect: 'Deny',
});

const bucket = 'arn:aws:s3:::lake';
const object = 'arn:aws:s3:::lake/a/b.txt';

test('without a policy that allows it a request is denied', () => {
  expect(ask([], ['s3:GetObject', object])).toBe('implicit-deny');
  expect(ask([allow('s3:PutObject', '*')], ['s3:GetObject', object])).toBe('implicit-deny');
  expect(ask([allow('s3:GetObject', `${bucket}/*`)], ['s3:GetObject', object])).toBe('allowed');
});

test('an explicit deny is above every allow, wherever either stands', () => {
  expect(ask([allow('*', '*'), deny('s3:GetObject', '*')], ['s3:GetObject', object])).toBe('explicit-deny');
  expect(ask([allow('*', '*'), deny('s3:GetObject', '*')], ['s3:PutObject', object])).toBe('allowed');
  const anybody = { Principal: '*' };
  expect(ask([allow('*', '*')], ['s3:GetObject', object], [deny('s3:*', '*', anybody)])).toBe('explicit-deny');
  expect(ask([deny('s3:*', '*')], ['s3:GetObject', object], [allow('s3:*', '*', anybody)])).toBe('explicit-deny');
});

test('of one account, the policy of the resource is enough, for the principals it names', () => {
  const to = (Principal: unknown): readonly Statement[] => [allow('s3:GetObject', `${bucket}/*`, { Principal })];
  expect(ask([], ['s3:GetObject', object], to('*'))).toBe('allowed');
  expect(ask([], ['s3:GetObject', object], to({ AWS: role }))).toBe('allowed');
  expect(ask([], ['s3:GetObject', object], to({ AWS: ['arn:aws:iam::123456789012:role/other', role] }))).toBe(
    'allowed',
  );
  expect(ask([], ['s3:GetObject', object], to({ AWS: 'arn:aws:iam::123456789012:role/other' }))).toBe('implicit-deny');
  expect(ask([], ['s3:GetObject', object], to({ Service: 'events.amazonaws.com' }))).toBe('implicit-deny');
});

test.each([
  ['s3:GetObject', 's3:GetObject', true],
  ['S3:getobject', 's3:GetObject', true],
  ['s3:Get*', 's3:GetObject', true],
  ['s3:*Object', 's3:GetObject', true],
  ['s3:GetObject', 's3:GetObjectVersion', false],
  ['s3:GetObject?', 's3:GetObject', false],
  ['s3:?etObject', 's3:GetObject', true],
  ['*', 'kinesis:GetRecords', true],
  ['s3:*', 'kinesis:GetRecords', false],
  ['s3:GetObject.', 's3:GetObjectX', false],
])('the action %s is meant for %s: %s', (pattern, action, matches) => {
  expect(actionMatches(pattern, action)).toBe(matches);
});

test.each([
  ['*', object, true],
  ['arn:aws:s3:::lake/*', object, true],
  ['arn:aws:s3:::lake/*', bucket, false],
  ['arn:aws:s3:::lake', object, false],
  ['arn:aws:s3:::lake*', object, true],
  ['arn:aws:s3:::lake/a/?.txt', object, true],
  ['arn:aws:s3:::lake/A/b.txt', object, false],
  // A star goes over slashes, and stands for nothing as well.
  ['arn:aws:s3:::lake/*.db/*/snapshot/*', 'arn:aws:s3:::lake/x/y.db/t/branch/branch-b/snapshot/snapshot-1', true],
  ['arn:aws:s3:::lake/*tidelake/claims/*', 'arn:aws:s3:::lake/tidelake/claims/claim-1', true],
  ['arn:aws:s3:::lake/*.db/*/snapshot/*', 'arn:aws:s3:::lake/y.db/t/manifest/snapshot-1', false],
  // But not over the parts of an ARN.
  ['arn:aws:*', object, false],
  ['arn:aws:kinesis:*:123456789012:stream/log', 'arn:aws:kinesis:us-east-1:123456789012:stream/log', true],
  ['arn:aws:kinesis:*:stream/log', 'arn:aws:kinesis:us-east-1:123456789012:stream/log', false],
  ['arn:aws:logs:*:*:log-group:/aws/lambda/x-*', 'arn:aws:logs:r:1:log-group:/aws/lambda/x-y:log-stream:z', true],
])('the resource %s is meant for %s: %s', (pattern, arn, matches) => {
  expect(arnMatches(pattern, arn)).toBe(matches);
});

test('NotAction and NotResource mean everything else', () => {
  const allButDelete: Statement = { Effect: 'Allow', NotAction: 's3:Delete*', Resource: '*' };
  expect(ask([allButDelete], ['s3:GetObject', object])).toBe('allowed');
  expect(ask([allButDelete], ['s3:DeleteObject', object])).toBe('implicit-deny');
  const outsideOfLake: Statement = { Effect: 'Deny', Action: 's3:*', NotResource: [bucket, `${bucket}/*`] };
  expect(ask([allow('*', '*'), outsideOfLake], ['s3:GetObject', 'arn:aws:s3:::other/k'])).toBe('explicit-deny');
  expect(ask([allow('*', '*'), outsideOfLake], ['s3:GetObject', object])).toBe('allowed');
});

test.each([
  // operator, values, what the request has, holds
  ['StringEquals', { 's3:prefix': 'home/' }, { 's3:prefix': 'home/' }, true],
  ['StringEquals', { 's3:prefix': ['', 'home/'] }, { 's3:prefix': 'home/' }, true],
  ['StringEquals', { 's3:prefix': 'home/*' }, { 's3:prefix': 'home/a' }, false],
  ['StringEquals', { 'S3:Prefix': 'home/' }, { 's3:prefix': 'home/' }, true],
  ['StringEquals', { 's3:prefix': 'home/' }, {}, false],
  ['StringEqualsIfExists', { 's3:prefix': 'home/' }, {}, true],
  ['StringEqualsIfExists', { 's3:prefix': 'home/' }, { 's3:prefix': 'x' }, false],
  ['StringNotEquals', { 's3:prefix': ['a', 'b'] }, { 's3:prefix': 'b' }, false],
  ['StringNotEquals', { 's3:prefix': ['a', 'b'] }, { 's3:prefix': 'c' }, true],
  ['StringNotEquals', { 's3:prefix': 'a' }, {}, true],
  ['StringEqualsIgnoreCase', { 'aws:x': 'LAKE' }, { 'aws:x': 'lake' }, true],
  ['StringLike', { 's3:prefix': 'home/*' }, { 's3:prefix': 'home/a/b' }, true],
  ['StringLike', { 's3:prefix': 'home/*' }, { 's3:prefix': 'hom' }, false],
  ['StringLike', { 's3:prefix': 'home/*' }, {}, false],
  ['StringNotLike', { 's3:prefix': 'home/*' }, { 's3:prefix': 'home/a' }, false],
  ['Bool', { 'aws:SecureTransport': false }, { 'aws:SecureTransport': 'true' }, false],
  ['Bool', { 'aws:SecureTransport': 'false' }, { 'aws:SecureTransport': 'false' }, true],
  ['Bool', { 'aws:SecureTransport': 'false' }, {}, false],
  ['BoolIfExists', { 'aws:SecureTransport': 'false' }, {}, true],
  ['NumericLessThanEquals', { 's3:max-keys': '10' }, { 's3:max-keys': '10' }, true],
  ['NumericLessThan', { 's3:max-keys': '10' }, { 's3:max-keys': '10' }, false],
  ['NumericGreaterThan', { 's3:max-keys': '9' }, { 's3:max-keys': '10' }, true],
  ['ArnLike', { 'aws:SourceArn': 'arn:aws:s3:::lake*' }, { 'aws:SourceArn': bucket }, true],
  ['ArnNotEquals', { 'aws:SourceArn': bucket }, { 'aws:SourceArn': bucket }, false],
  ['Null', { 's3:prefix': 'true' }, {}, true],
  ['Null', { 's3:prefix': 'false' }, {}, false],
  ['Null', { 's3:prefix': 'false' }, { 's3:prefix': '' }, true],
])('the condition %s %j of a request with %j holds: %s', (operator, keys, context, holds) => {
  const statement = allow('s3:ListBucket', bucket, { Condition: { [operator]: keys } });
  const request: Record<string, string> = context;
  expect(ask([statement], ['s3:ListBucket', bucket, request])).toBe(holds ? 'allowed' : 'implicit-deny');
});

test('all conditions of a statement must hold, and one value of each', () => {
  const Condition = { StringLike: { 's3:prefix': ['a/*', 'b/*'] }, Bool: { 'aws:SecureTransport': 'true' } };
  const statements = [allow('s3:ListBucket', bucket, { Condition })];
  const over = (tls: string, prefix: string): readonly [string, string, Record<string, string>] => [
    's3:ListBucket',
    bucket,
    { 'aws:SecureTransport': tls, 's3:prefix': prefix },
  ];
  expect(ask(statements, over('true', 'b/1'))).toBe('allowed');
  expect(ask(statements, over('true', 'c/1'))).toBe('implicit-deny');
  expect(ask(statements, over('false', 'b/1'))).toBe('implicit-deny');
});

test('a bucket that wants TLS denies what comes without, to whoever may do everything', () => {
  const tlsOnly = deny('s3:*', [bucket, `${bucket}/*`], {
    Principal: '*',
    Condition: { Bool: { 'aws:SecureTransport': false } },
  });
  const read = (tls: string): AccessDecision['status'] =>
    ask([allow('*', '*')], ['s3:GetObject', object, { 'aws:SecureTransport': tls }], [tlsOnly]);
  expect([read('true'), read('false')]).toEqual(['allowed', 'explicit-deny']);
});

test.each([
  ['an operator', allow('s3:*', '*', { Condition: { DateGreaterThan: { 'aws:CurrentTime': '2026-01-01' } } })],
  ['an operator over sets', allow('s3:*', '*', { Condition: { 'ForAnyValue:StringLike': { 'aws:TagKeys': 'x' } } })],
  ['an element', allow('s3:*', '*', { NotPrincipal: { AWS: role } })],
  ['a policy variable', allow('s3:*', `${bucket}/\${aws:username}/*`)],
  ['no resource', { Effect: 'Allow', Action: 's3:*' }],
  ['an action and its opposite', allow('s3:*', '*', { NotAction: 's3:GetObject' })],
])('a policy with %s that is not known here is refused, not passed over', (_, statement) => {
  expect(() => policy(statement)).toThrow(/test/);
});
