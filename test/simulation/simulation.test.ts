import { expect, test } from 'vitest';
import { keptSeeds } from './kept-seeds.ts';
import { runSeed, type SeedResult } from './run-seed.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios/all.ts';
import { Scheduler } from './scheduler.ts';
import { shrink } from './shrink.ts';
import type { Sabotage } from './world.ts';

function scenarioNamed(name: string): Scenario {
  const found = scenarios.find(scenario => scenario.name === name);
  if (found === undefined) throw new Error(`no scenario ${name}`);
  return found;
}

test('the scheduler goes from moment to moment, and lets what one sets off come to rest before the next', async () => {
  const scheduler = new Scheduler(0, () => 0.5);
  const seen: string[] = [];
  scheduler.after(20, () => seen.push(`b at ${scheduler.nowMs}`));
  scheduler.after(10, () => {
    void Promise.resolve()
      .then(() => undefined)
      .then(() => {
        seen.push(`a at ${scheduler.nowMs}`);
        scheduler.after(5, () => seen.push(`c at ${scheduler.nowMs}`));
      });
  });
  expect(await scheduler.run(() => false, 1_000)).toBe('idle');
  expect(seen).toEqual(['a at 10', 'c at 15', 'b at 20']);
});

test('the scheduler ends when it is told, and when time is up, and goes on from there', async () => {
  const scheduler = new Scheduler(0, () => 0.5);
  let ticks = 0;
  const tick = (): void => {
    ticks += 1;
    scheduler.after(10, tick);
  };
  tick();
  expect(await scheduler.run(() => ticks === 4, 1_000)).toBe('done');
  expect(await scheduler.run(() => false, 75)).toBe('out-of-time');
  expect([ticks, scheduler.nowMs]).toEqual([8, 75]);
});

test('what happens at one moment happens in the order that chance says', async () => {
  const ranks = [0.9, 0.1, 0.5];
  const scheduler = new Scheduler(0, () => ranks.shift() ?? 0);
  const seen: string[] = [];
  for (const name of ['a', 'b', 'c']) scheduler.after(1, () => seen.push(name));
  await scheduler.run(() => false, 10);
  expect(seen).toEqual(['b', 'c', 'a']);
});

for (const scenario of scenarios) {
  test(`${scenario.name}: the same seed is the same world to the byte, another is another`, async () => {
    const [first, second, other] = [
      await runSeed(scenario, 7, { isHashed: true }),
      await runSeed(scenario, 7, { isHashed: true }),
      await runSeed(scenario, 8, { isHashed: true }),
    ];
    expect(first.failure).toBeUndefined();
    expect(first.events).toBeGreaterThan(500);
    expect({ hash: second.hash, events: second.events }).toEqual({ hash: first.hash, events: first.events });
    expect(other.hash).not.toBe(first.hash);
  });
}

test('kinds: compactions copy row groups', async () => {
  const { failure, figures } = await runSeed(scenarioNamed('kinds'), 3);
  expect(failure).toBeUndefined();
  expect(figures.counts['compact copied row groups']).toBeGreaterThan(0);
});

test('streams: readers go on from their places and back to the snapshots, and watches and adopted columns are seen', async () => {
  const { failure, figures } = await runSeed(scenarioNamed('streams'), 7);
  expect(failure).toBeUndefined();
  const wanted = [
    'batches of a way back',
    'batches that may repeat',
    'consumers resumed',
    'consumers taken over',
    'readers from now on',
    'answers delta',
    'adopted columns',
    'reshardings',
  ];
  expect(wanted.filter(name => (figures.counts[name] ?? 0) === 0)).toEqual([]);
});

for (const { scenario, seed, why } of keptSeeds) {
  test(`${scenario} ${seed}: ${why}`, async () => {
    const { failure } = await runSeed(scenarioNamed(scenario), seed);
    expect(failure).toBeUndefined();
  });
}

const sabotages: readonly (readonly [Sabotage, string])[] = [
  ['put-if-absent-overwrites', 'commits'],
  ['put-forgotten', 'commits'],
  ['list-lags', 'commits'],
  ['append-forgotten', 'workers'],
  ['put-if-absent-overwrites', 'kinds'],
  ['put-forgotten', 'kinds'],
];

for (const [sabotage, name] of sabotages) {
  test(`${name}: a world with "${sabotage}" is found out`, async () => {
    expect((await firstFailure(scenarioNamed(name), sabotage)).failure).toBeDefined();
  });
}

async function firstFailure(scenario: Scenario, sabotage: Sabotage): Promise<SeedResult> {
  for (let seed = 1; ; seed += 1) {
    const result = await runSeed(scenario, seed, { sabotage });
    if (result.failure !== undefined || seed === 10) return result;
  }
}

test('a failing seed is made smaller and fails still', async () => {
  const scenario = scenarioNamed('commits');
  const failed = await firstFailure(scenario, 'put-if-absent-overwrites');
  const { faults, result } = await shrink(scenario, failed, { sabotage: 'put-if-absent-overwrites' });
  // The store alone is enough to break it: no fault is needed.
  expect(faults).toEqual([]);
  expect(result.failure).toBeDefined();
  expect(result.trace.length).toBeGreaterThan(10);
});
