import { expect, test } from 'vitest';
import {
  checkedParameters,
  keepingChoices,
  parameterLines,
  parseDeployOptions,
  parseRemoveOptions,
} from './options.ts';

const deploy = (...args: readonly string[]) => parseDeployOptions(args, {});

test('stage, region, parameters and tags are taken as they are given', () => {
  const args = [
    '--stage',
    'prod',
    '--set',
    'LogMode=ON_DEMAND',
    '--set',
    'LogShards=4',
    '--tag',
    'team=a=b',
    '--dry-run',
  ];
  expect(deploy(...args, '--region', 'eu-central-1')).toEqual({
    stage: 'prod',
    region: 'eu-central-1',
    profile: undefined,
    chosen: { LogMode: 'ON_DEMAND', LogShards: '4' },
    tags: { team: 'a=b' },
    isDryRun: true,
  });
});

test('the region is the one of the environment where none is given', () => {
  expect(parseDeployOptions(['--stage', 'a'], { AWS_REGION: 'eu-west-1' }).region).toBe('eu-west-1');
  expect(parseDeployOptions(['--stage', 'a'], { AWS_DEFAULT_REGION: 'eu-west-2' }).region).toBe('eu-west-2');
  expect(deploy('--stage', 'a').region).toBe('us-east-1');
});

test('what makes no sense is refused, with the reason', () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [[], 'say which stage'],
    [['--stage', 'Prod'], 'a stage is named by'],
    [['--stage', 'a'.repeat(33)], 'at most 32'],
    [['--stage', 'a', '--region', 'moon'], 'no AWS region'],
    [['--stage', 'a', '--frce'], "'--frce'"],
    [['--stage', 'a', '--set', 'LogShards'], 'NAME=VALUE'],
    [['--stage', 'a', '--set', 'Shards=1'], 'there is no such parameter; there are LogMode'],
    [['--stage', 'a', '--set', 'toString=1'], 'there is no such parameter'],
    [['--stage', 'a', '--set', 'LogMode=FAST'], 'must be one of PROVISIONED, ON_DEMAND'],
    [['--stage', 'a', '--set', 'LogShards=many'], 'must be a whole number'],
    [['--stage', 'a', '--set', 'LogRetentionHours=23'], 'must be at least 24'],
    [['--stage', 'a', '--set', 'LogRetentionHours=8761'], 'must be at most 8760'],
    [['--stage', 'a', '--set', 'KmsKeyArn=alias/mine'], 'must be empty or the ARN of a KMS key'],
    [['--stage', 'a', '--set', 'ReaderAccounts=123456789012,12'], 'must be empty or numbers of AWS accounts'],
    [['--stage', 'a', ...Array.from({ length: 49 }, (_, n) => ['--tag', `t${n}=1`]).flat()], 'at most 48 tags'],
  ];
  for (const [args, why] of cases) expect(() => deploy(...args), args.join(' ')).toThrow(why);
  expect(() => parseRemoveOptions(['--stage', 'a', '--dry-run'], {})).toThrow("'--dry-run'");
});

test('a parameter is refused in the name of the option that it came by', () => {
  expect(checkedParameters('--parameter', ['LogShards=3'])).toEqual({ LogShards: '3' });
  expect(() => checkedParameters('--parameter', ['LogShard=3'])).toThrow('--parameter LogShard: there is no such');
  expect(() => checkedParameters('--parameter', ['LogMode=FAST'])).toThrow('--parameter LogMode=FAST: must be one of');
});

test('a key, a topic and a bucket are taken when they are well-formed', () => {
  const { chosen } = deploy(
    ...['--stage', 'a', '--set', 'KmsKeyArn=arn:aws:kms:eu-west-1:123456789012:key/0f0e-11'],
    ...['--set', 'AlarmTopicArn=arn:aws:sns:eu-west-1:123456789012:pager', '--set', 'AccessLogBucket=my-logs'],
    ...['--set', 'ReaderAccounts=123456789012,210987654321'],
  );
  expect(Object.keys(chosen)).toEqual(['KmsKeyArn', 'AlarmTopicArn', 'AccessLogBucket', 'ReaderAccounts']);
});

test('removal has to be confirmed', () => {
  expect(parseRemoveOptions(['--stage', 'a'], {}).isConfirmed).toBe(false);
  expect(parseRemoveOptions(['--stage', 'a', '--yes'], {}).isConfirmed).toBe(true);
});

test('help names every parameter with its default', () => {
  expect(parameterLines()).toContainEqual(expect.stringMatching(/^ {2}LogShards +Shards .*\(default 1\)$/));
  expect(parameterLines()).toContainEqual(expect.stringMatching(/^ {2}KmsKeyArn .*\(default empty\)$/));
});

test('a stack keeps what was set for it, unless something else is said or can no longer be', () => {
  const stack = {
    parameters: { LogShards: '4', LogMode: 'PROVISIONED', Runtime: 'nodejs18.x', Gone: 'x', toString: 'y' },
    tags: { STAGE: 'a', team: 'data', cost: '1' },
  };
  const { chosen, tags } = keepingChoices(deploy('--stage', 'a', '--set', 'LogShards=8', '--tag', 'cost=2'), stack);
  expect(chosen).toEqual({ LogShards: '8', LogMode: 'PROVISIONED' });
  expect(tags).toEqual({ team: 'data', cost: '2' });
});
