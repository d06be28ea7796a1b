/** The mutation tool on a program of a few lines, of which it is known what must be noticed and what cannot be. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { AcceptedSurvivor, AcceptedSurvivors } from '../scripts/mutate/accepted.ts';

const script = fileURLToPath(new URL('../scripts/mutate/main.ts', import.meta.url));
const program = `
export const stepMax: number = 3;
export function isAdult(age: number): boolean {
  return age >= 18;
}
export function doubled(times: number): number {
  let left = times;
  let value = 1;
  while (left > 0) {
    left -= 1;
    value *= 2;
  }
  return value;
}
export function describe(age: number): string {
  let text = '';
  if (isAdult(age)) text = 'adult';
  else text = 'child';
  return text;
}
export function largest(a: number, b: number): number {
  return a > b ? a : b;
}
export function neverCalled(): string {
  return 'never';
}
`;
const programTest = `
import { expect, test } from 'vitest';
import { describe, doubled, isAdult, largest, stepMax } from './program.ts';
test('of age', () => { expect([isAdult(17), isAdult(18), isAdult(19)]).toEqual([false, true, true]); });
test.each([[0, 1], [stepMax, 8]])('doubled', (times, value) => { expect(doubled(times)).toBe(value); });
test('described', () => { expect([describe(17), describe(18)]).toEqual(['child', 'adult']); });
test('the largest', () => { expect([largest(1, 2), largest(2, 1), largest(2, 2)]).toEqual([2, 2, 2]); });
`;
const equal: AcceptedSurvivor = {
  file: 'program.ts',
  operator: 'boundary',
  within: 'largest',
  original: 'a > b',
  replacement: 'a >= b',
};
const unreached: AcceptedSurvivor = {
  file: 'program.ts',
  operator: 'text',
  within: 'neverCalled',
  original: "'never'",
  replacement: "''",
};

type Tried = { readonly exitCode: number | null; readonly output: string };

async function mutate(
  accepted: readonly AcceptedSurvivor[],
  args: readonly string[] = [],
  text = programTest,
): Promise<Tried> {
  const root = await mkdtemp(join(tmpdir(), 'tidelake-mutate-'));
  try {
    const settings = {
      root: '.',
      areas: { all: { sources: ['program.ts'], tests: ['*.test.ts'] } },
      testsLeftOut: [],
      testMsMax: 5_000,
      mutantSlackMs: 500,
      killedPercentMin: 50,
      survivors: 'survivors.json',
      messages: { wholeCalls: [], argumentIndexes: {}, names: [] },
    };
    await writeFile(join(root, 'package.json'), '{"type":"module"}');
    await writeFile(join(root, 'program.ts'), program);
    await writeFile(join(root, 'program.test.ts'), text);
    await writeFile(join(root, 'settings.json'), JSON.stringify(settings));
    const groups: readonly AcceptedSurvivors[] = [{ reason: 'No test can tell.', survivors: accepted }];
    await writeFile(join(root, 'survivors.json'), JSON.stringify(groups));
    const command = [script, '--settings', join(root, 'settings.json'), ...args];
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8', timeout: 240_000 });
    return { exitCode: status, output: `${stdout}${stderr}` };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

test('what a test notices is killed; what none can notice, or none reaches, survives and fails the run', async () => {
  const { exitCode, output } = await mutate([]);
  expect(exitCode).toBe(1);
  const survivors = output.split('\n').filter(line => /^(survived|not reached)/.test(line));
  expect(survivors.toSorted()).toEqual([
    "not reached: program.ts:25: text: 'never' → ''",
    'survived: program.ts:22: boundary: a > b → a >= b',
  ]);
  expect(output).toMatch(/^mutants (\d+), killed \d+ \([\d.]+ %\), timed out [1-9]\d*, survived 1, not reached 1$/m);
  expect(output).toContain('survivors without a reason 2, with one 0');
});

test('survivors with a reason are accepted, and tried again only when asked', async () => {
  const { exitCode, output } = await mutate([equal, unreached], ['--accepted']);
  expect(output).toContain('survivors without a reason 0, with one 2');
  expect(exitCode).toBe(0);
});

test('a survivor that the program does not have any more is an error', async () => {
  const { exitCode, output } = await mutate([equal, unreached, { ...equal, original: 'a > c' }], ['--sample', '1']);
  expect(output).toContain('there is no such mutant');
  expect(exitCode).toBe(1);
});

test('a sample is the same for the same seed', async () => {
  const args = ['--sample', '3', '--seed', '7'];
  const [first, second] = [await mutate([equal, unreached], args), await mutate([equal, unreached], args)];
  const summary = ({ output }: Tried): string | undefined =>
    output.split('\n').find(line => /^program\.ts: /.test(line));
  expect(summary(first)).toContain('mutants 3,');
  expect(summary(second)).toBe(summary(first));
});

test('a test that fails without any mutant ends the run', async () => {
  const broken = `${programTest}\ntest('broken', () => { expect(isAdult(1)).toBe(true); });`;
  const { exitCode, output } = await mutate([], [], broken);
  expect(exitCode).toBe(1);
  expect(output).toContain('"broken"');
});
