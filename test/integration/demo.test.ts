/** The demo proves itself: on folders and on MinIO with a Kinesis emulator, with the worker killed again and again. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

async function demo(script: string, ...args: string[]): Promise<string> {
  const path = fileURLToPath(new URL(`../../scripts/${script}`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [path, ...args], { timeout: 250_000 });
  return stdout;
}

function proofs(report: string): { holds: number; fails: number } {
  const lines = report.slice(report.indexOf('Proof')).split('\n');
  return {
    holds: lines.filter(line => line.trimStart().startsWith('holds')).length,
    fails: lines.filter(line => line.trimStart().startsWith('FAILS')).length,
  };
}

test('the proof holds with the worker killed at ten random moments', async () => {
  const report = await demo('demo.ts', '--flights', '60000', '--kills', '10');
  expect(report).toContain('SIGKILL 10 times');
  expect(proofs(report)).toEqual({ holds: 3, fails: 0 });
});

test('the proof holds on MinIO and a Kinesis emulator', async () => {
  const report = await demo('demo-aws-local.ts', '--flights', '20000', '--kills', '2');
  expect(proofs(report)).toEqual({ holds: 3, fails: 0 });
});

test('a number of flights that makes no sense is refused with the reason', async () => {
  await expect(demo('demo.ts', '--flights', 'many')).rejects.toThrow(/--flights takes a number/);
});
