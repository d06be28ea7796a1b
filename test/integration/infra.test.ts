// What is deployed, checked without AWS: the bundles start, osls packages them, cfn-lint finds nothing in the templates, and
// the event source of the log cannot pass anything over.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runProgram } from '../../scripts/cache-folder.ts';
import { runTool } from '../../scripts/cloud-tools.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const functionNames = ['ingest', 'commit', 'compact', 'maintain', 'query'];
/** Unzipped, with the wasm; cold start grows with it. */
const bundleBytesMax = 8 * 1024 * 1024;

type Resource = { readonly Type: string; readonly Properties: Readonly<Record<string, unknown>> };

let packaged: string;
let resources: Readonly<Record<string, Resource>>;

beforeAll(() => {
  mkdirSync(join(root, '.cache'), { recursive: true });
  packaged = mkdtempSync(join(root, '.cache', 'packaged-'));
  runProgram(process.execPath, [join(root, 'scripts', 'bundle.mjs')]);
  const { exitCode, output } = runTool('osls', ['package', '--package', packaged]);
  expect(exitCode, output).toBe(0);
  expect(output).not.toMatch(/warning|deprecat/i);
  resources = JSON.parse(readFileSync(templateFile(), 'utf8')).Resources;
});

afterAll(() => rmSync(packaged, { recursive: true, force: true }));

function templateFile(): string {
  return join(packaged, 'cloudformation-template-update-stack.json');
}

function ofType(type: string): readonly Readonly<Record<string, unknown>>[] {
  return Object.values(resources).flatMap(resource => (resource.Type === type ? [resource.Properties] : []));
}

test('cfn-lint finds nothing in the template', () => {
  expect(runTool('cfn-lint', ['infra/template.yaml'])).toEqual({ exitCode: 0, output: '' });
});

test('cfn-lint finds nothing in what osls makes of it', () => {
  // W3005: osls names a role as a dependency though the function refers to it.
  expect(runTool('cfn-lint', ['--ignore-checks', 'W3005', '--template', templateFile()])).toEqual({
    exitCode: 0,
    output: '',
  });
});

test('every function has its package, and every bundle exports a handler when it is loaded', async () => {
  const zips = readdirSync(packaged).filter(name => name.endsWith('.zip'));
  expect(zips.toSorted()).toEqual(functionNames.map(name => `${name}.zip`).toSorted());
  for (const name of functionNames) {
    const bundle: unknown = await import(pathToFileURL(join(root, 'dist', 'functions', name, 'index.mjs')).href);
    expect(bundle, name).toHaveProperty('handler', expect.any(Function));
  }
});

test('the bundles without SQL stay under the limit, wasm included', () => {
  for (const name of functionNames.filter(name => name !== 'query')) {
    const folder = join(root, 'dist', 'functions', name);
    const files = readdirSync(folder).filter(file => !file.endsWith('.map'));
    const bytes = files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
    expect(bytes, `${name}: ${files.join(', ')}`).toBeLessThan(bundleBytesMax);
  }
});

test('the log reaches ingest in order, from its start, for ever, and nothing can be put aside', () => {
  const mapping = ofType('AWS::Lambda::EventSourceMapping').find(({ EventSourceArn }) =>
    JSON.stringify(EventSourceArn).includes('LogStream'),
  );
  expect(mapping).toMatchObject({
    ParallelizationFactor: 1,
    StartingPosition: 'TRIM_HORIZON',
    MaximumRetryAttempts: -1,
    MaximumRecordAgeInSeconds: -1,
    BisectBatchOnFunctionError: true,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
  });
  expect(mapping).not.toHaveProperty('DestinationConfig');
  expect(mapping).not.toHaveProperty('FilterCriteria');
});

test('compaction hears of every snapshot of every table', () => {
  const patterns = ofType('AWS::Events::Rule').map(({ EventPattern }) => EventPattern);
  expect(patterns).toContainEqual(
    expect.objectContaining({
      'detail-type': ['Object Created'],
      detail: {
        bucket: { name: [{ Ref: 'WarehouseBucket' }] },
        object: { key: [{ wildcard: '*/snapshot/snapshot-*' }] },
      },
    }),
  );
  expect(resources['WarehouseBucket']?.Properties).toMatchObject({
    NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
  });
});

test('the query URL wants a signature, and only maintenance may delete', () => {
  expect(ofType('AWS::Lambda::Url')).toEqual([expect.objectContaining({ AuthType: 'AWS_IAM' })]);
  const deleting = Object.entries(resources).filter(([, resource]) =>
    /s3:(Delete|\*)/.test(JSON.stringify(resource.Type === 'AWS::S3::BucketPolicy' ? {} : resource.Properties)),
  );
  expect(deleting.map(([name]) => name)).toEqual(['MaintainRole']);
});
