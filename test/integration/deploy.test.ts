// `npm run deploy` and `npm run remove`, by osls itself against moto: what is deployed, what a second time keeps, and what
// stays when it is taken away.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DescribeStreamSummaryCommand, KinesisClient, ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { functionDefinitions } from '../../infra/definitions/functions.ts';
import { warehouseTemplate } from '../../infra/definitions/template.ts';
import { templateOf } from '../../infra/deploy/deployed-stack.ts';
import { cacheFolder } from '../../scripts/cache-folder.ts';
import { type Moto, startMoto } from '../services/moto.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const region = 'eu-central-1';
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

let moto: Moto;
/** Without anybody's configuration of AWS. */
let home: string;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'tidelake-home-'));
  moto = await startMoto(region);
});

afterAll(async () => {
  await moto?.[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

function run(command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Ended {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'infra', 'deploy', 'main.ts'), command, '--stage', 'try', '--region', region, ...args],
    {
      cwd: root,
      encoding: 'utf8',
      env: {
        ...Object.fromEntries(inherited),
        HOME: home,
        TIDELAKE_CACHE: cacheFolder,
        AWS_EC2_METADATA_DISABLED: 'true',
        ...environment,
      },
    },
  );
  return { status, stdout, stderr };
}

function runOnMoto(command: string, ...args: readonly string[]): Ended {
  return run(command, args, {
    AWS_ENDPOINT_URL: moto.endpoint,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  });
}

async function functionNames(): Promise<readonly unknown[]> {
  const { Functions } = Object(await moto.ask('lambda', '/2015-03-31/functions/'));
  return Array.from(Functions, named => Object(named)['FunctionName']);
}

/** Over HTTP/1, which is all that moto speaks. */
function kinesisClient(): KinesisClient {
  return new KinesisClient({ endpoint: moto.endpoint, region, credentials, requestHandler: new NodeHttpHandler() });
}

async function keptNames(): Promise<{ readonly buckets: readonly string[]; readonly streams: readonly string[] }> {
  const s3 = new S3Client({ endpoint: moto.endpoint, region, credentials, forcePathStyle: true });
  const { Buckets = [] } = await s3.send(new ListBucketsCommand());
  const { StreamNames = [] } = await kinesisClient().send(new ListStreamsCommand());
  return { buckets: Buckets.flatMap(({ Name }) => Name ?? []), streams: StreamNames };
}

test('a dry run without an AWS account shows the plan and deploys nothing', () => {
  const { status, stdout, stderr } = run('deploy', ['--dry-run']);
  expect(status, stderr).toBe(0);
  expect(stdout).toContain(`Stack tidelake-try in ${region}`);
  for (const { name, memoryMb } of functionDefinitions) {
    expect(stdout).toMatch(new RegExp(`${name}: ${memoryMb} MB, \\d+ s, bundle \\d+\\.\\d MB zipped`));
  }
  expect(stdout).toContain('  not known: Could not load credentials');
  expect(stdout).toContain('A dry run: nothing was deployed.');
});

test('what cannot be done is said before anything is done', () => {
  const nobody = run('deploy', []);
  expect(nobody).toMatchObject({ status: 2, stdout: '' });
  expect(nobody.stderr).toMatch(/^AWS lets nobody in: .*\nCredentials are looked for where AWS programs look/);
  expect(run('deploy', ['--set', 'LogShards=0'])).toMatchObject({
    status: 2,
    stderr: '--set LogShards=0: must be at least 1\n',
  });
  expect(runOnMoto('remove', '--yes')).toMatchObject({
    status: 2,
    stderr: `there is no stack tidelake-try in ${region}\n`,
  });
});

test('a lake is deployed, keeps what was set when it is deployed again, and leaves its rows when it is removed', async () => {
  const first = runOnMoto('deploy', '--set', 'LogShards=2', '--tag', 'team=data');
  expect(first.status, `${first.stdout}${first.stderr}`).toBe(0);
  expect(first.stdout).toContain('the stack is new');
  expect((await functionNames()).toSorted()).toEqual(
    functionDefinitions.map(({ name }) => `tidelake-try-${name}`).toSorted(),
  );
  const { buckets, streams } = await keptNames();
  const bucket = buckets.find(name => name.includes('warehouse'));
  const log = streams.find(name => name.includes('LogStream'));
  expect(first.stdout).toContain(`--warehouse s3://${bucket} --log kinesis://${log}`);
  const described = await kinesisClient().send(new DescribeStreamSummaryCommand({ StreamName: log }));
  expect(described.StreamDescriptionSummary).toMatchObject({ OpenShardCount: 2, RetentionPeriodHours: 168 });
  const ingest = Object(await moto.ask('lambda', '/2015-03-31/functions/tidelake-try-ingest/configuration'));
  expect(ingest).toMatchObject({
    Handler: 'dist/functions/ingest/index.handler',
    Environment: { Variables: { TIDELAKE_WAREHOUSE: `s3://${bucket}`, TIDELAKE_LOG: `kinesis://${log}` } },
  });

  const again = runOnMoto('deploy', '--dry-run', '--set', 'LogRetentionHours=24');
  expect(again.status, again.stderr).toBe(0);
  expect(again.stdout).toMatch(/^ {2}LogShards = 2$/m);
  expect(again.stdout).toMatch(/^ {2}LogRetentionHours = 24 {2}\(not 168\)$/m);
  expect(again.stdout).toMatch(/^ {2}team = data$/m);
  expect(again.stdout).toMatch(/^Changes\n {2}the bundles, and what follows from the parameters$/m);

  expect(runOnMoto('remove')).toMatchObject({ status: 1, stdout: expect.stringContaining('Nothing was removed') });
  expect((await functionNames()).length).toBe(functionDefinitions.length);
  const removed = runOnMoto('remove', '--yes');
  expect(removed.status, `${removed.stdout}${removed.stderr}`).toBe(0);
  expect(await functionNames()).toEqual([]);
  expect(await keptNames()).toEqual({ buckets: [bucket], streams: [log] });
});

test('a stack that was made by other means, of a template in YAML, is understood', async () => {
  const plain = JSON.stringify(warehouseTemplate(), (key, value) => (key === 'comment' ? undefined : value));
  expect(templateOf(readFileSync(join(root, 'infra', 'template.yaml'), 'utf8'))).toEqual(JSON.parse(plain));
  const template = 'Resources:\n  FailedEvents:\n    Type: AWS::SQS::Queue\n';
  const asked = { Action: 'CreateStack', Version: '2010-05-15', StackName: 'tidelake-try', TemplateBody: template };
  const authorization = `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/cloudformation/aws4_request`;
  const made = await fetch(moto.endpoint, {
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams(asked),
  });
  expect(made.status, await made.text()).toBe(200);
  const { status, stdout, stderr } = runOnMoto('deploy', '--dry-run');
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^ {2}\+ LogStream \(AWS::Kinesis::Stream\)$/m);
  expect(stdout).toMatch(/^ {2}~ FailedEvents \(AWS::SQS::Queue\): .*DeletionPolicy.*MessageRetentionPeriod/m);
});
