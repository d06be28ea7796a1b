import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { howItEnded } from './cache-folder.ts';

function ended(program: string, ...args: readonly string[]): string {
  return howItEnded(spawnSync(program, args, { encoding: 'utf8' }));
}

test('a program that fails is told by its status, by what killed it, or by why it could not be run', () => {
  const node = process.execPath;
  expect(ended(node, '-e', 'process.exit(3)')).toBe('status 3');
  expect(ended(node, '-e', "process.kill(process.pid, 'SIGKILL'); setTimeout(() => {}, 60_000)")).toBe(
    'killed by SIGKILL',
  );
  expect(ended('tidelake-no-such-program')).toMatch(/^spawnSync tidelake-no-such-program ENOENT$/);
  const late = spawnSync(node, ['-e', 'setTimeout(() => {}, 60_000)'], { encoding: 'utf8', timeout: 50 });
  expect(howItEnded(late)).toMatch(/ETIMEDOUT$/);
});
