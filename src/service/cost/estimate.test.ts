import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { functionDefinitions } from '../../../infra/definitions/functions.ts';
import { parameters } from '../../../infra/definitions/parameters.ts';
import { priceLists, pricesOf, pricesOfJson } from '../../metering/prices.ts';
import {
  type EstimateRequest,
  estimate,
  estimateText,
  retentionHoursDefault,
  windowSecondsDefault,
} from './estimate.ts';

const list = pricesOf('us-east-1');

function dollarsOf(request: Omit<EstimateRequest, 'list'>, what: RegExp): number {
  const lines = estimate({ ...request, list }).lines.filter(line => what.test(line.what));
  return lines.reduce((sum, { dollars }) => sum + dollars, 0);
}

test('at list prices 1 MB/s stays below $45 a month and 10 MB/s below $260', () => {
  expect(estimate({ mbPerSecond: 1, list }).total).toBeLessThan(45);
  expect(estimate({ mbPerSecond: 10, list }).total).toBeLessThan(260);
  expect(estimate({ mbPerSecond: 1, list }).peer.total).toBeGreaterThan(190);
  expect(estimate({ mbPerSecond: 10, list }).peer.total).toBeGreaterThan(1_900);
});

test('what docs/COST.md reckons out is what the command prints', () => {
  const guide = readFileSync(new URL('../../../docs/COST.md', import.meta.url), 'utf8');
  for (const mbPerSecond of [1, 10]) {
    const own = estimateText({ mbPerSecond, list }).split('Kinesis and Firehose')[0] ?? '';
    expect(guide).toContain(own.trimEnd());
    const { total } = estimate({ mbPerSecond, list });
    expect(guide).toContain(`| **$${Math.round(total)}** (goal`);
  }
});

test('what docs/COST.md says of fan-out is what the command prints', () => {
  const guide = readFileSync(new URL('../../../docs/COST.md', import.meta.url), 'utf8');
  const lines = estimateText({ mbPerSecond: 10, fanOutConsumers: 1, list }).match(/^.*fan-out.*$/gm) ?? [];
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(guide).toContain(line);
  const added = (mbPerSecond: number, onDemand: boolean): string =>
    `$${Math.round(dollarsOf({ mbPerSecond, onDemand, fanOutConsumers: 1 }, /fan-out/))}`;
  expect(guide).toContain(`is ${added(1, false)} at 1 MB/s and ${added(10, false)} at 10 MB/s`);
  expect(guide).toContain(`on demand ${added(1, true)} and ${added(10, true)}`);
});

test('the total is the sum of its lines, each of which says how it comes about', () => {
  const found = estimate({ mbPerSecond: 3, rows: 1e9, retentionHours: 168, commitLog: true, list });
  expect(found.total).toBeCloseTo(
    found.lines.reduce((sum, { dollars }) => sum + dollars, 0),
    6,
  );
  const text = estimateText({ mbPerSecond: 3, rows: 1e9, retentionHours: 168, commitLog: true, list });
  for (const { what, arithmetic, dollars } of found.lines) {
    expect(text).toContain(`${what} `);
    expect(text).toContain(arithmetic);
    expect(text).toContain(dollars.toFixed(2));
  }
  expect(text).toContain('us-east-1 as of 2026-11-27');
});

test('shards follow the load unless they are given, and a full batch does not wait for its window', () => {
  expect([0.1, 1, 5, 10, 100].map(mbPerSecond => estimate({ mbPerSecond, list }).shards)).toEqual([1, 1, 2, 4, 38]);
  expect(estimate({ mbPerSecond: 10, shards: 10, list }).batchSeconds).toBe(12);
  expect(estimate({ mbPerSecond: 10, shards: 4, list }).batchSeconds).toBeLessThan(7);
});

test('who waits longer for company pays for fewer requests, and for nothing else less', () => {
  const of = (windowSeconds: number, what: RegExp): number => dollarsOf({ mbPerSecond: 1, windowSeconds }, what);
  expect(of(5, /^S3, PUT/)).toBeCloseTo(of(10, /^S3, PUT/) * 2, 6);
  expect(of(5, /^Kinesis/)).toBe(of(10, /^Kinesis/));
});

test('what is chosen is charged: on demand, longer retention, the commit log, storage', () => {
  expect(dollarsOf({ mbPerSecond: 1, onDemand: true }, /on demand|written|read/)).toBeGreaterThan(80);
  expect(dollarsOf({ mbPerSecond: 1, retentionHours: 24 }, /kept/)).toBe(0);
  expect(dollarsOf({ mbPerSecond: 1, retentionHours: 168 }, /kept/)).toBeCloseTo(14.6, 6);
  expect(dollarsOf({ mbPerSecond: 1, commitLog: true }, /commit log/)).toBeCloseTo(10.95, 6);
  expect(dollarsOf({ mbPerSecond: 1 }, /fan-out/)).toBe(0);
  const [one, three] = [1, 3].map(fanOutConsumers => dollarsOf({ mbPerSecond: 10, fanOutConsumers }, /fan-out/));
  expect(three).toBeCloseTo(3 * (one ?? 0), 6);
  const gb = (1e9 * 200) / 2 ** 30;
  expect(dollarsOf({ mbPerSecond: 1, rows: 1e9, rowBytes: 200 }, /storage/)).toBeLessThan(gb * 0.023 * 0.4);
});

test('a list of one’s own needs every price, and is named where it is used', () => {
  const own = { region: 'moon-1', date: '2030-01-01', source: 'mine', prices: { ...list.prices, s3PutPerMillion: 50 } };
  const parsed = pricesOfJson(own, 'own');
  expect(estimate({ mbPerSecond: 1, list: parsed }).total).toBeGreaterThan(estimate({ mbPerSecond: 1, list }).total);
  expect(estimateText({ mbPerSecond: 1, list: parsed })).toContain('moon-1 as of 2030-01-01');
  const { lambdaGbSecond: _, ...others } = list.prices;
  for (const bad of [null, {}, { ...own, prices: others }, { ...own, prices: { ...own.prices, lambdaGbSecond: -1 } }]) {
    expect(() => pricesOfJson(bad, 'own')).toThrow(/own is no price list/);
  }
  expect(priceLists.every(({ date, source }) => /^\d{4}-\d{2}-\d{2}$/.test(date) && source !== '')).toBe(true);
});

test('what is not said is as the template has it', () => {
  const [log] = functionDefinitions.flatMap(({ name, sources }) => (name === 'ingest' ? sources : []));
  expect(log).toMatchObject({ kind: 'stream', batchWindowSeconds: windowSecondsDefault });
  expect(parameters['LogRetentionHours']?.Default).toBe(retentionHoursDefault);
  expect(parameters['GroupCommit']?.Default).toBe('OFF');
});
