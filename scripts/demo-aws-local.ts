/**
 * The demo on real services instead of folders: starts MinIO and a Kinesis emulator on loopback, runs the demo on them,
 * and stops them. MinIO is taken from PATH or the cache, or built there once, which needs Go.
 */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startKinesalite } from '../test/services/kinesalite.ts';
import { startMinio } from '../test/services/minio.ts';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

const built = spawnSync(process.execPath, [path('build-services.mjs')], { stdio: 'inherit' });
if (built.status !== 0) process.exit(built.status ?? 1);

const minio = await startMinio();
const kinesis = await startKinesalite();
console.log(`  MinIO at ${minio.endpoint}, a Kinesis emulator at ${kinesis.endpoint}`);
try {
  const { accessKeyId, secretAccessKey } = minio.credentials;
  const given = [
    '--s3',
    minio.endpoint,
    '--bucket',
    minio.bucket,
    '--kinesis',
    kinesis.endpoint,
    '--region',
    minio.region,
  ];
  const keys = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const demo = spawn(process.execPath, [path('demo.ts'), ...given, ...process.argv.slice(2)], {
    env: { ...process.env, ...keys },
    stdio: 'inherit',
  });
  process.exitCode = await new Promise<number>(resolve => demo.once('exit', code => resolve(code ?? 1)));
} finally {
  await kinesis.stop();
  await minio.stop();
}
