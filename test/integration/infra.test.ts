// What is deployed, checked without AWS: the bundles start, osls packages them, cfn-lint finds nothing in the templates, and
// what osls makes of the definitions is what the plain template says.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CloudResource } from '../../infra/definitions/cloudformation.ts';
import { functionDefinitions, functionId, logGroupId } from '../../infra/definitions/functions.ts';
import { sharedOutputs, sharedResources, warehouseTemplate } from '../../infra/definitions/template.ts';
import { runProgram } from '../../scripts/cache-folder.ts';
import { pythonFolder, runTool } from '../../scripts/cloud-tools.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const functionNames = functionDefinitions.map(({ name }) => name);
/** Unzipped, with the wasm; cold start grows with it. */
const bundleBytesMax = 8 * 1024 * 1024;

type Made = {
  readonly Resources: Readonly<Record<string, CloudResource>>;
  readonly Outputs: Readonly<Record<string, unknown>>;
  readonly Parameters: unknown;
  readonly Conditions: unknown;
};

const plain = warehouseTemplate();
let packaged: string;
let made: Made;

beforeAll(() => {
  mkdirSync(join(root, '.cache'), { recursive: true });
  packaged = mkdtempSync(join(root, '.cache', 'packaged-'));
  runProgram(process.execPath, [join(root, 'scripts', 'bundle.mjs')]);
  const { exitCode, output } = runTool('osls', ['package', '--package', packaged]);
  expect(exitCode, output).toBe(0);
  expect(output).not.toMatch(/warning|deprecat/i);
  made = JSON.parse(readFileSync(templateFile(), 'utf8'));
});

afterAll(() => rmSync(packaged, { recursive: true, force: true }));

function templateFile(): string {
  return join(packaged, 'cloudformation-template-update-stack.json');
}

function ofType(resources: Readonly<Record<string, CloudResource>>, type: string): readonly CloudResource[] {
  return Object.values(resources).filter(resource => resource.Type === type);
}

function idsOf(resources: Readonly<Record<string, CloudResource>>, type: string): readonly string[] {
  return Object.entries(resources).flatMap(([id, resource]) => (resource.Type === type ? [id] : []));
}

/** As osls names what the plain template leaves to CloudFormation. */
function named(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value).replaceAll(/\{"Fn::Sub":"([^"]*)"\}/g, (_, text: string) =>
      JSON.stringify(text.replace(`\${AWS::StackName}`, 'tidelake-dev')),
    ),
  );
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

test('a reader of YAML finds in the template what the definitions say', () => {
  const program = ['import json, sys, yaml', "print(json.dumps(yaml.safe_load(open('infra/template.yaml'))))"].join(
    '\n',
  );
  const env = { ...process.env, PYTHONPATH: pythonFolder('cfn-lint') };
  const read = spawnSync('python3', ['-c', program], { cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 26 });
  const said = JSON.stringify(plain, (key, value) => (key === 'comment' ? undefined : value));
  expect(JSON.parse(read.stdout), read.stderr).toEqual(JSON.parse(said));
});

test('every function has its package, and every bundle exports a handler when it is loaded', async () => {
  const zips = readdirSync(packaged).filter(name => name.endsWith('.zip'));
  expect(zips.toSorted()).toEqual(functionNames.map(name => `${name}.zip`).toSorted());
  // What Lambda's runtime gives to functions that stream their answers.
  Object.assign(globalThis, { awslambda: { streamifyResponse: (handler: unknown) => handler } });
  for (const name of functionNames) {
    const bundle: unknown = await import(pathToFileURL(join(root, 'dist', 'functions', name, 'index.mjs')).href);
    expect(bundle, name).toHaveProperty('handler', expect.any(Function));
  }
});

test('the bundles without SQL stay under the limit, wasm included', () => {
  for (const name of functionNames.filter(name => name !== 'query')) {
    const folder = join(root, 'dist', 'functions', name);
    const files = readdirSync(folder);
    const bytes = files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
    expect(bytes, `${name}: ${files.join(', ')}`).toBeLessThan(bundleBytesMax);
  }
});

test('osls deploys what the plain template says besides the functions, and gives no rights that it does not', () => {
  for (const [id, { comment: _, ...resource }] of Object.entries(sharedResources)) {
    expect(made.Resources[id], id).toMatchObject(resource);
  }
  for (const type of ['AWS::IAM::Role', 'AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy']) {
    expect(idsOf(made.Resources, type).toSorted(), type).toEqual(idsOf(plain.Resources, type).toSorted());
  }
  expect(made.Outputs).toMatchObject(sharedOutputs);
  expect(made.Parameters).toEqual(
    Object.fromEntries(Object.entries(plain.Parameters).filter(([name]) => !/^Code/.test(name))),
  );
  expect(made.Conditions).toEqual(plain.Conditions);
});

test('osls deploys the functions of the plain template, with the same log groups', () => {
  for (const name of functionNames) {
    const { Code: _, Tags: __, Environment, ...properties } = plain.Resources[functionId(name)]?.Properties ?? {};
    expect(made.Resources[functionId(name)]?.Properties, name).toMatchObject(Object(named(properties)));
    expect(made.Resources[functionId(name)]?.Properties['Environment']).toEqual(Environment);
    const { Tags: ___, ...logGroup } = plain.Resources[logGroupId(name)]?.Properties ?? {};
    expect(made.Resources[logGroupId(name)]?.Properties, name).toMatchObject(Object(named(logGroup)));
  }
  expect(ofType(made.Resources, 'AWS::Lambda::Function').length).toBe(functionNames.length);
});

test('osls connects the functions as the plain template does: streams, failed calls and URLs', () => {
  const types = ['AWS::Lambda::EventSourceMapping', 'AWS::Lambda::EventInvokeConfig', 'AWS::Lambda::Url'];
  for (const type of types) {
    const ids = idsOf(plain.Resources, type);
    expect(ids.length, type).toBeGreaterThan(0);
    expect(ofType(made.Resources, type).length, type).toBe(ids.length);
    for (const id of ids) expect(made.Resources[id]?.Properties, id).toEqual(plain.Resources[id]?.Properties);
  }
});

test('osls has the same rules call the same functions, with a place for events that do not arrive', () => {
  const rules = (resources: Readonly<Record<string, CloudResource>>): readonly unknown[] =>
    ofType(resources, 'AWS::Events::Rule').map(({ Properties }) => ({
      pattern: Properties['EventPattern'],
      schedule: Properties['ScheduleExpression'],
      state: Properties['State'],
      targets: JSON.parse(JSON.stringify(Properties['Targets'], (key, value) => (key === 'Id' ? undefined : value))),
    }));
  expect(rules(made.Resources)).toEqual(rules(plain.Resources));
  expect(rules(plain.Resources)).toContainEqual(
    expect.objectContaining({
      pattern: {
        source: ['aws.s3'],
        'detail-type': ['Object Created'],
        detail: {
          bucket: { name: [{ Ref: 'WarehouseBucket' }] },
          object: { key: [{ wildcard: '*/snapshot/snapshot-*' }] },
        },
      },
    }),
  );
  expect(ofType(made.Resources, 'AWS::Lambda::Permission').length).toBe(rules(plain.Resources).length);
});
