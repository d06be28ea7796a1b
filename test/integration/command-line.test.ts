/** The command line on a real S3 and a Kinesis emulator: it works, and what is wrong with the place is one clear line. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startKinesalite } from '../services/kinesalite.ts';
import type { KinesisService } from '../services/kinesis-service.ts';
import { startMinio } from '../services/minio.ts';
import type { S3Service } from '../services/s3-service.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const ddl = "CREATE TABLE t (k BIGINT PRIMARY KEY NOT ENFORCED, v STRING) WITH ('bucket' = '2')";

let s3: S3Service;
let kinesis: KinesisService;
beforeAll(async () => {
  s3 = await startMinio();
  kinesis = await startKinesalite();
});
afterAll(async () => {
  await s3.stop();
  await kinesis.stop();
});

type Outcome = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

function tidelake(
  args: readonly string[],
  options: { readonly input?: string; readonly secretKey?: string } = {},
): Promise<Outcome> {
  const { accessKeyId, secretAccessKey } = s3.credentials;
  const places = ['--endpoint', s3.endpoint, '--kinesis-endpoint', kinesis.endpoint, '--region', s3.region];
  const keys = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: options.secretKey ?? secretAccessKey };
  const child = spawn(process.execPath, [main, ...args, ...places], { env: { ...process.env, ...keys } });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', text => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    output.stderr += text;
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', status => resolve({ status, ...output }));
  });
}

test('rows go through Kinesis into S3 and are read from both', async () => {
  const lake = ['--warehouse', `s3://${s3.bucket}/lake`, '--log', 'kinesis://cli-log'];
  expect(await tidelake(['create', 'db.t', '--ddl', ddl, ...lake])).toMatchObject({ status: 0 });
  const input = '{"op":"+I","row":{"k":1,"v":"a"}}\n{"op":"+I","row":{"k":2,"v":"b"}}\n';
  expect(await tidelake(['write', 'db.t', '--in', '-', '--via-log', ...lake], { input })).toMatchObject({ status: 0 });
  expect(await tidelake(['scan', 'db.t', '--union', '--count', ...lake])).toMatchObject({ status: 0, stdout: '2\n' });
  expect(await tidelake(['scan', 'db.t', '--count', ...lake])).toMatchObject({ status: 0, stdout: '0\n' });
  expect(await tidelake(['ingest', '--once', ...lake])).toMatchObject({ status: 0 });
  expect(await tidelake(['scan', 'db.t', '--count', ...lake])).toMatchObject({ status: 0, stdout: '2\n' });
  const sql = await tidelake(['sql', '--json', 'SELECT max(v) AS m FROM db.t', ...lake]);
  expect(sql).toMatchObject({ status: 0, stdout: '{"m":"b"}\n' });
});

test('a missing bucket, wrong credentials and an address that is none are told each by its code', async () => {
  const told = (code: string): object => ({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(`^error ${code}: [^\\n]+\\n$`),
  });
  const missing = ['--warehouse', 's3://tidelake-no-such-bucket/lake'];
  expect(await tidelake(['create', 'db.t', '--ddl', ddl, ...missing])).toMatchObject(told('LAKE_STORE_NOT_FOUND'));
  expect(await tidelake(['scan', 'db.t', ...missing])).toMatchObject(told('LAKE_STORE_NOT_FOUND'));
  const lake = ['--warehouse', `s3://${s3.bucket}/lake`];
  expect(await tidelake(['scan', 'db.t', ...lake], { secretKey: 'wrong' })).toMatchObject(told('LAKE_STORE_DENIED'));
  const log = ['--log', 'kinesis://no such stream'];
  expect(await tidelake(['scan', 'db.t', ...lake, ...log])).toMatchObject(told('LAKE_BAD_SETTINGS'));
});
