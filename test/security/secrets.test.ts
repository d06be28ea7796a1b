/** Keys that somebody gave, in the right place or a wrong one, are in nothing that an error says of itself. */
import { createServer } from 'node:http';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openLake } from '../../src/service/lake.ts';
import { openLakeParts } from '../../src/service/lake-parts.ts';
import { checkSettings, type LakeSettings, settingsWithEnvironment } from '../../src/service/settings.ts';
import { parseLogUri } from '../../src/storage/open-log-store.ts';
import { openObjectStore, parseStoreUri } from '../../src/storage/open-object-store.ts';

const secret = 'CANARY+secret/7f3a';
const written = [secret, encodeURIComponent(secret), 'CANARY'];

/** All that can be got out of an error: its text, its stack, its fields, hidden ones too, and those of its causes. */
function everythingOf(error: unknown): string {
  const shown = [String(error), inspect(error, { depth: 12, showHidden: true, maxStringLength: null })];
  if (error instanceof Error)
    shown.push(error.message, error.stack ?? '', JSON.stringify(error), everythingOf(error.cause));
  return shown.join('\n');
}

function expectNoSecret(error: unknown, where: string): void {
  const text = everythingOf(error);
  for (const form of written) expect(text.includes(form), `${where}: ${text.slice(0, 400)}`).toBe(false);
}

async function failureOf(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was refused');
}

test('keys in an address are not repeated by the refusal', async () => {
  const key = encodeURIComponent(secret);
  for (const uri of [
    `s3://AKIA:${key}@bucket/lake`,
    `s3://AKIA:${secret}@bucket/lake`,
    `s3://BUCKET?X-Amz-Signature=${key}`,
    `https://bucket.s3.amazonaws.com/lake?X-Amz-Security-Token=${key}`,
    `gs://user:${key}@bucket`,
    `file://user:${key}@host/x`,
  ]) {
    expectNoSecret(await failureOf(() => parseStoreUri(uri)), uri);
    expectNoSecret(await failureOf(() => openLake({ warehouse: uri })), uri);
  }
  for (const uri of [`kinesis://AKIA:${key}@stream`, `kinesis://s?token=${key}`, `kafka://u:${key}@host`]) {
    expectNoSecret(await failureOf(() => parseLogUri(uri)), uri);
  }
});

test('settings that are wrong are named without their values', async () => {
  const settings: readonly LakeSettings[] = [
    { warehouse: 's3://b', s3: { secretAccessKey: secret } },
    { warehouse: 's3://b', s3: { accessKeyId: 'a', secretAccessKey: secret, endpoint: 'x' } },
    { warehouse: 's3://b', s3: { endpoint: `http://a:${encodeURIComponent(secret)}@127.0.0.1:1` } },
    { warehouse: 's3://b', s3: { endpoint: `http://127.0.0.1:1/?sig=${encodeURIComponent(secret)}` } },
    { warehouse: 's3://b', kinesis: { endpoint: `ftp://a:${encodeURIComponent(secret)}@127.0.0.1:1` } },
    { warehouse: '', kinesis: { accessKeyId: 'a', secretAccessKey: secret, sessionToken: secret } },
  ];
  for (const wrong of settings) expectNoSecret(await failureOf(() => checkSettings(wrong)), Object.keys(wrong).join());
  const environment = { AWS_ENDPOINT_URL: `http://a:${encodeURIComponent(secret)}@127.0.0.1:1` };
  expectNoSecret(await failureOf(() => settingsWithEnvironment({ warehouse: 's3://b' }, environment)), 'environment');
});

test('a store or log that refuses, or does not answer, tells nothing of the keys', async () => {
  const refusing = createServer((request, response) => {
    request.resume();
    const token = String(request.headers['x-amz-security-token']);
    response.writeHead(403, { 'content-type': 'application/xml', 'x-echo': encodeURIComponent(token) });
    // Services repeat what was to be signed.
    const echo = `<CanonicalRequest>x-amz-security-token:${token}</CanonicalRequest>`;
    response.end(`<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message>${echo}</Error>`);
  });
  await new Promise<void>(resolve => refusing.listen(0, '127.0.0.1', resolve));
  const bound = refusing.address();
  const port = typeof bound === 'object' ? bound?.port : undefined;
  const credentials = { accessKeyId: 'AKIATEST', secretAccessKey: secret, sessionToken: secret };
  try {
    const endpoint = `http://127.0.0.1:${port}`;
    const components = { clock: systemClock, random: systemRandom };
    const s3 = { endpoint, credentials, attemptsMax: 1 };
    expectNoSecret(await failureOf(() => openObjectStore('s3://bucket/x', { s3 }, components)), 'refused');
    const dead = { endpoint: 'http://127.0.0.1:1', credentials, attemptsMax: 1, connectTimeoutMs: 500 };
    expectNoSecret(await failureOf(() => openObjectStore('s3://bucket/x', { s3: dead }, components)), 'unreachable');
    const kinesis = { ...credentials, endpoint };
    const parts = (): unknown => openLakeParts({ warehouse: 'memory:secrets', log: 'kinesis://s', kinesis });
    expectNoSecret(await failureOf(parts), 'log');
  } finally {
    refusing.closeAllConnections();
    refusing.close();
  }
});
