import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { appendAll, readAll, texts } from '../log-store-testing.ts';
import { type LocalLogStore, openLocalLog } from './local-log-store.ts';

const components = { clock: systemClock, random: systemRandom };
const program = fileURLToPath(new URL('../../../test/processes/append-loop.ts', import.meta.url));
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tidelake-log-'));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function open(path: string): Promise<LocalLogStore> {
  const log = await openLocalLog({ path }, components);
  cleanups.push(async () => log[Symbol.asyncDispose]());
  return log;
}

type Appender = { readonly child: ChildProcess; readonly acknowledged: string[]; readonly ended: Promise<unknown> };

function startAppender(path: string, name: string, options: { count: number; concurrency: number }): Appender {
  const args = [program, path, name, String(options.count), String(options.concurrency)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  cleanups.push(async () => child.kill('SIGKILL'));
  const acknowledged: string[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', line => acknowledged.push(line));
  return { child, acknowledged, ended: Promise.all([once(child, 'exit'), once(lines, 'close')]) };
}

/** Every record of the log as `NAME NUMBER SHARD POSITION`, shard by shard in order. */
async function contents(log: LocalLogStore): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { shardId } of (await log.describe()).shards) {
    const { records } = await readAll(log, shardId, { kind: 'earliest' });
    const names = texts(records).map(record => record.split(' ').slice(0, 2).join(' '));
    found.push(...names.map((name, index) => `${name} ${shardId} ${records[index]?.position}`));
  }
  return found;
}

function numbersOf(lines: readonly string[], name: string): readonly number[] {
  return lines.filter(line => line.startsWith(`${name} `)).map(line => Number(line.split(' ')[1]));
}

async function until(condition: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 10_000 && !condition(); attempt += 1) await systemClock.sleep(5);
  expect(condition()).toBe(true);
}

test('four processes append to one log: every record is there once, where its process was told, in order', async () => {
  const path = await folder();
  const names = ['a', 'b', 'c', 'd'];
  const appenders = names.map(name => startAppender(path, name, { count: 300, concurrency: 4 }));
  await Promise.all(appenders.map(({ ended }) => ended));
  const log = await open(path);
  const found = await contents(log);
  expect(found.length).toBe(4 * 300);
  for (const [index, name] of names.entries()) {
    const told = appenders[index]?.acknowledged.map(line => `${name} ${line}`) ?? [];
    expect(told.length).toBe(300);
    expect(found.filter(line => line.startsWith(`${name} `)).toSorted()).toEqual(told.toSorted());
    for (let lane = 0; lane < 4; lane += 1) {
      const inLane = numbersOf(found, name).filter(number => number % 4 === lane);
      expect(inLane).toEqual(inLane.toSorted((a, b) => a - b));
    }
  }
});

test('a process killed while it appends loses nothing acknowledged, and the others go on at once', async () => {
  const path = await folder();
  const log = await open(path);
  const bystander = startAppender(path, 'bystander', { count: 100_000, concurrency: 2 });
  await until(() => bystander.acknowledged.length > 5);
  for (let round = 0; round < 6; round += 1) {
    const victim = startAppender(path, `victim${round}`, { count: 100_000, concurrency: 8 });
    await until(() => victim.acknowledged.length > 20 + round * 7);
    victim.child.kill('SIGKILL');
    await victim.ended;
    const seenBefore = bystander.acknowledged.length;
    await appendAll(log, BigInt(round) << 120n, [`witness ${round}`]);
    await until(() => bystander.acknowledged.length > seenBefore);
    const found = new Set(await contents(log));
    const told = victim.acknowledged.map(line => `victim${round} ${line}`);
    expect(told.filter(line => !found.has(line))).toEqual([]);
  }
  bystander.child.kill('SIGKILL');
  await bystander.ended;
  const found = await contents(await open(path));
  expect(new Set(found).size).toBe(found.length);
  expect(numbersOf(found, 'witness')).toEqual([0, 1, 2, 3, 4, 5]);
  const told = bystander.acknowledged.map(line => `bystander ${line}`);
  const foundSet = new Set(found);
  expect(told.filter(line => !foundSet.has(line))).toEqual([]);
});

test('a process that stands still while it holds the lock is waited for, not overtaken', async () => {
  const path = await folder();
  const log = await open(path);
  const [first] = await appendAll(log, 0n, ['before']);
  const { ShardLock } = await import('./log-lock.ts');
  const holder = new ShardLock({ directory: join(path, first?.shardId ?? ''), where: path, clock: systemClock });
  await holder.acquire();
  let appended = false;
  const waiting = appendAll(log, 0n, ['after']).then(() => {
    appended = true;
  });
  await systemClock.sleep(100);
  expect(appended).toBe(false);
  holder.release();
  await waiting;
  expect(texts((await readAll(log, first?.shardId ?? '', { kind: 'earliest' })).records)).toEqual(['before', 'after']);
  holder.close();
});
