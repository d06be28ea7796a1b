// The bundled functions under serverless-offline, with what calls them from the definitions that are deployed.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { openLake, t } from '../../src/index.ts';
import { freePort } from '../services/child-service.ts';
import { startKinesalite } from '../services/kinesalite.ts';
import { startMinio } from '../services/minio.ts';

const program = fileURLToPath(new URL('../../scripts/serverless-offline/main.ts', import.meta.url));
const startMsMax = 240_000;

type Offline = AsyncDisposable & { readonly said: () => string };

function startOffline(env: Readonly<Record<string, string>>, port: number): Offline {
  const ports = ['--httpPort', String(port), '--lambdaPort', String(port + 1)];
  const child: ChildProcess = spawn(process.execPath, [program, ...ports], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let said = '';
  for (const output of [child.stdout, child.stderr]) {
    output?.on('data', chunk => {
      said += String(chunk);
    });
  }
  return {
    said: () => said,
    async [Symbol.asyncDispose]() {
      const ended = new Promise(resolve => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
}

test('serverless-offline runs the functions, and they take what the log gets', async () => {
  await using minio = await startMinio();
  await using kinesis = await startKinesalite();
  await kinesis.createStream('log', 1);
  const { accessKeyId, secretAccessKey } = minio.credentials;
  const { region } = minio;
  const keys = { region, accessKeyId, secretAccessKey };
  await using lake = await openLake({
    warehouse: `s3://${minio.bucket}`,
    log: 'kinesis://log',
    s3: { endpoint: minio.endpoint, ...keys },
    kinesis: { endpoint: kinesis.endpoint, ...keys },
  });
  const table = await lake.createTable('demo.offline', {
    columns: { k: t.bigint(), v: t.string() },
    primaryKey: ['k'],
    options: { bucket: 1 },
  });
  const port = await freePort(2);
  await using offline = startOffline(
    {
      TIDELAKE_WAREHOUSE: `s3://${minio.bucket}`,
      TIDELAKE_LOG: 'kinesis://log',
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_ENDPOINT_URL_S3: minio.endpoint,
      AWS_ENDPOINT_URL_KINESIS: kinesis.endpoint,
    },
    port,
  );
  await expect.poll(offline.said, { timeout: startMsMax, interval: 500 }).toContain('Starting Offline');
  {
    await using writer = table.writer();
    await writer.writeAll(Array.from({ length: 300 }, (_, k) => ({ k, v: `v${k}` })));
  }
  await expect
    .poll(async () => (await table.accounting()).written, { timeout: 60_000, message: offline.said() })
    .toBe(300n);
  expect(await table.lookup({ k: 123n })).toMatchObject({ v: 'v123' });
});

test('without a place for things it says which are missing and what to do', async () => {
  const env = { PATH: process.env['PATH'] ?? '' };
  await expect(promisify(execFile)(process.execPath, [program], { env })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/TIDELAKE_WAREHOUSE, .* not set\. Start `npm run local -- --without-functions/),
  });
});
