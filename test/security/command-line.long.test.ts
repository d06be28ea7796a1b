/** The command line as a process: credentials come from the environment only, and are in none of its output. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const secret = 'CANARYsecret7f3a';
const processMsMax = 60_000;

function tidelake(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, AWS_EC2_METADATA_DISABLED: 'true', AWS_REGION: 'us-east-1', ...environment };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    env,
    encoding: 'utf8',
    timeout: processMsMax,
  });
  return { status, output: `${stdout}${stderr}` };
}

test('a credential on the command line is refused, in every form, and not repeated', () => {
  for (const option of ['--secret-key', '--access-key', '--session-token']) {
    for (const given of [[option, secret], [`${option}=${secret}`]]) {
      for (const args of [
        ['scan', 'd.t', '--warehouse', 's3://b', ...given],
        [...given, 'scan', 'd.t', '--warehouse', 's3://b'],
      ]) {
        const { status, output } = tidelake(args);
        expect(status, output).toBe(2);
        expect(output).toMatch(/^error LAKE_USAGE: credentials are not taken from the command line/);
        expect(output).not.toContain(secret);
      }
    }
  }
  expect(tidelake(['--help']).output).not.toMatch(/secret|access-key|session-token/i);
});

test('commands that fail say nothing of the keys, wherever those were put', () => {
  const keys = { AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: secret };
  const folder = mkdtempSync(join(tmpdir(), 'tidelake-secrets-'));
  try {
    for (const args of [
      ['scan', 'd.t', '--warehouse', `s3://AKIA:${secret}@b/x`],
      ['scan', 'd.t', '--warehouse', 's3://b', '--endpoint', `http://a:${secret}@127.0.0.1:1`],
      ['scan', 'd.t', '--warehouse', `s3://b?X-Amz-Security-Token=${secret}`],
      ['scan', 'd.t', '--warehouse', folder, '--log', `kinesis://a:${secret}@s`],
      ['sql', "SELECT getenv('AWS_SECRET_ACCESS_KEY')", '--warehouse', folder],
      ['sql', "SELECT * FROM read_text('/proc/self/environ')", '--warehouse', folder],
      ['sql', 'SELECT broken FROM', '--warehouse', folder],
      ['scan', 'no.table', '--warehouse', folder],
      ['describe', 'x', '--warehouse', folder],
    ]) {
      const { status, output } = tidelake(args, keys);
      expect(status, args.join(' ')).toBeGreaterThan(0);
      expect(output, args.join(' ')).toMatch(/error LAKE_/);
      expect(output).not.toContain(secret);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
