import { expect, test } from 'vitest';
import { warehouseTemplate } from '../definitions/template.ts';
import { idlePrice } from './idle-price.ts';

const template = warehouseTemplate();
const always = { 'alarms on 27 metrics': 2.7, 'dashboard, if the account has three others': 3 };

function dollarsOf(parameters: Readonly<Record<string, string>>): Readonly<Record<string, number>> {
  const found = idlePrice(template, { region: 'us-east-1', parameters });
  return Object.fromEntries(found?.lines.map(({ what, dollars }) => [what, Math.round(dollars * 100) / 100]) ?? []);
}

test('a provisioned log costs by the shard, and more when it keeps records longer', () => {
  expect(dollarsOf({ LogMode: 'PROVISIONED', LogShards: '2', LogRetentionHours: '168', GroupCommit: 'ON' })).toEqual({
    'log, 2 shards': 21.9,
    'log, kept beyond 24 h': 29.2,
    'commit stream, 1 shard': 10.95,
    ...always,
  });
  expect(dollarsOf({ LogMode: 'PROVISIONED', LogShards: '1', LogRetentionHours: '24' })).toEqual({
    'log, 1 shards': 10.95,
    ...always,
  });
});

test('commits that are not grouped have no stream', () => {
  expect(dollarsOf({ GroupCommit: 'OFF' })).toEqual({ 'log, 1 shards': 10.95, ...always });
  expect(dollarsOf({ GroupCommit: 'ON' })).toEqual({
    'log, 1 shards': 10.95,
    'commit stream, 1 shard': 10.95,
    ...always,
  });
});

test('a log on demand costs by the hour', () => {
  expect(dollarsOf({ LogMode: 'ON_DEMAND' })).toEqual({ 'log, on demand': 29.2, ...always });
});

test('alarms cost by the metrics that they look at, which are more than alarms', () => {
  const alarms = Object.values(template.Resources).filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm');
  expect(alarms).toHaveLength(11);
  expect(dollarsOf({})).toEqual({ 'log, 1 shards': 10.95, ...always });
});

test('of a region without known prices nothing is said', () => {
  expect(idlePrice(template, { region: 'eu-central-1', parameters: {} })).toBeUndefined();
});
