// The runner's count is the project's word that all is well, so each way a run can go wrong is tried on a small project.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const passing = `import { expect, test } from 'vitest';\ntest('adds', () => { expect(1 + 1).toBe(2); });\n`;

/** Runs the runner on a project of these files; inside the checkout, so that `vitest` is found. */
function runOn(files: Readonly<Record<string, string>>): {
  readonly lastLine: string;
  readonly exitCode: number | null;
} {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(root, '.cache', 'runner-'));
  try {
    writeFileSync(join(folder, 'vitest.config.mjs'), 'export default {};\n');
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')));
    const result = spawnSync(process.execPath, [join(root, 'scripts', 'run-tests.mjs'), 'folder', folder], {
      encoding: 'utf8',
      env,
    });
    return { lastLine: result.stdout.trimEnd().split('\n').at(-1) ?? '', exitCode: result.status };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('a project whose tests pass is counted test by test and ends with 0', () => {
  expect(runOn({ 'one.test.mjs': passing, 'two.test.mjs': passing })).toEqual({
    lastLine: '2 passed, 0 failed',
    exitCode: 0,
  });
});

test('a failing test fails the run', () => {
  const failing = passing.replace('toBe(2)', 'toBe(3)');
  expect(runOn({ 'one.test.mjs': passing, 'two.test.mjs': failing })).toEqual({
    lastLine: '1 passed, 1 failed',
    exitCode: 1,
  });
});

test('a file that does not load fails the run', () => {
  const broken = `import './no-such-file.mjs';\n${passing}`;
  expect(runOn({ 'one.test.mjs': passing, 'two.test.mjs': broken })).toEqual({
    lastLine: '1 passed, 1 failed',
    exitCode: 1,
  });
});

test('a failing hook fails the run, and so does each test it kept from running', () => {
  const hook = `import { beforeAll } from 'vitest';\nbeforeAll(() => { throw new Error('no'); });\n${passing}`;
  expect(runOn({ 'one.test.mjs': passing, 'two.test.mjs': hook })).toEqual({
    lastLine: '1 passed, 2 failed',
    exitCode: 1,
  });
});

test('a skipped test fails the run', () => {
  const skipped = passing.replace('test(', ['test', 'skip('].join('.'));
  expect(runOn({ 'one.test.mjs': passing, 'two.test.mjs': skipped })).toEqual({
    lastLine: '1 passed, 1 failed',
    exitCode: 1,
  });
});

test('an unhandled rejection fails the run though every test passed', () => {
  const rejecting = passing.replace('expect(1', `Promise.reject(new Error('nobody waits')); expect(1`);
  expect(runOn({ 'one.test.mjs': rejecting })).toEqual({ lastLine: '1 passed, 1 failed', exitCode: 1 });
});

test('a project without tests fails the run', () => {
  expect(runOn({})).toEqual({ lastLine: '0 passed, 1 failed', exitCode: 1 });
});

test('on a machine without Java, Maven, Go, Python and cmake the full run says what to install and fails', () => {
  const result = spawnSync(process.execPath, [join(root, 'scripts', 'run-tests.mjs'), 'all'], {
    encoding: 'utf8',
    env: { PATH: '/nonexistent', TIDELAKE_CACHE: '/nonexistent' },
  });
  for (const name of ['openjdk-17', 'apt-get install maven', 'https://go.dev/dl', 'Python 3', 'cmake']) {
    expect(result.stderr).toContain(name);
  }
  expect(result.stdout.trimEnd().split('\n').at(-1)).toBe('0 passed, 5 failed');
  expect(result.status).toBe(1);
});
