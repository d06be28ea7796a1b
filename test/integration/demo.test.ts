/** The demo proves itself on each kind of log, and by functions alone, with kills again and again. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startKafka } from '../services/kafka-broker.ts';
import { startKinesalite } from '../services/kinesalite.ts';
import { startMinio } from '../services/minio.ts';

async function demo(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const path = fileURLToPath(new URL('../../scripts/demo.ts', import.meta.url));
  const options = { timeout: 250_000, env: { ...process.env, ...env } };
  const { stdout } = await promisify(execFile)(process.execPath, [path, ...args], options);
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
  const report = await demo(['--flights', '60000', '--kills', '10']);
  expect(report).toContain('SIGKILL 10 times');
  expect(proofs(report)).toEqual({ holds: 3, fails: 0 });
});

test('the proof holds on MinIO and a Kinesis emulator', async () => {
  await using minio = await startMinio();
  await using kinesis = await startKinesalite();
  const { accessKeyId, secretAccessKey } = minio.credentials;
  const report = await demo(
    [
      ...['--flights', '20000', '--kills', '2', '--s3', minio.endpoint, '--bucket', minio.bucket],
      ...['--kinesis', kinesis.endpoint, '--region', minio.region],
    ],
    { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
  );
  expect(proofs(report)).toEqual({ holds: 3, fails: 0 });
});

test('the proof holds with the log in the bucket, and no service beside it', async () => {
  await using minio = await startMinio();
  const { accessKeyId, secretAccessKey } = minio.credentials;
  const report = await demo(
    [
      ...['--flights', '20000', '--kills', '2', '--s3', minio.endpoint, '--bucket', minio.bucket],
      ...['--region', minio.region, '--log', `s3://${minio.bucket}/log`],
    ],
    { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
  );
  expect(proofs(report)).toEqual({ holds: 3, fails: 0 });
});

test('the proof holds with the log in a topic of Kafka', async () => {
  await using kafka = await startKafka();
  const log = `kafka://127.0.0.1:${kafka.port}/demo`;
  const report = await demo(['--flights', '20000', '--kills', '2', '--log', log]);
  expect(proofs(report)).toEqual({ holds: 3, fails: 0 });
});

test('the proof holds when functions of the local cloud do all the work, and one is killed in its middle', async () => {
  const report = await demo(['--flights', '20000', '--kills', '2', '--local-cloud']);
  expect(report).toContain('an ingest killed in its middle 2 times');
  expect(report).toMatch(/function ingest +\d+ invocations/);
  expect(proofs(report)).toEqual({ holds: 3, fails: 0 });
});

test('a number of flights that makes no sense is refused with the reason', async () => {
  await expect(demo(['--flights', 'many'])).rejects.toThrow(/--flights takes a number/);
});
