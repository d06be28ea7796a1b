// What checkov and cdk-nag find is answered in infra/findings.ts, and nothing is answered that they do not find; the CDK
// construct is type-checked, synthesised, and says what the plain template says.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chosenTemplate } from '../../infra/definitions/choose.ts';
import { functionDefinitions, functionId } from '../../infra/definitions/functions.ts';
import { templateWith } from '../../infra/definitions/template.ts';
import { type Answer, cdkNagAnswers, checkovAnswers } from '../../infra/findings.ts';
import { runProgram } from '../../scripts/cache-folder.ts';
import { cdkModules, runTool } from '../../scripts/cloud-tools.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bundles = join(root, 'dist', 'functions');
const bufferBytesMax = 64 * 1024 * 1024;

type Finding = { readonly rule: string; readonly resource: string };

/** The construct, built in a folder of its own that has the packages of the CDK. */
let folder: string;

beforeAll(() => {
  runProgram(process.execPath, [join(root, 'scripts', 'bundle.mjs')]);
  folder = mkdtempSync(join(tmpdir(), 'tidelake-cdk-'));
  for (const path of ['package.json', 'tsconfig.json', 'infra/definitions', 'infra/cdk']) {
    cpSync(join(root, path), join(folder, path), { recursive: true, filter: from => !/node_modules|dist/.test(from) });
  }
  for (const app of ['nag-app.mjs', 'refused-app.mjs']) {
    cpSync(join(root, 'test', 'services', app), join(folder, app));
  }
  symlinkSync(cdkModules(), join(folder, 'node_modules'));
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const types = join(root, 'node_modules', '@types');
  runProgram(process.execPath, [compiler, '-p', join(folder, 'infra', 'cdk'), '--typeRoots', types]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** @returns what the app printed */
function synthesise(args: readonly string[], out: string): string {
  const env = { ...process.env, CDK_OUTDIR: join(folder, out), JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION: '1' };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    env,
    encoding: 'utf8',
    maxBuffer: bufferBytesMax,
  });
  expect(status, `${stdout}${stderr}`).toBe(0);
  return stdout;
}

function built(path: string): string {
  return join(folder, 'infra', 'cdk', 'dist', 'cdk', path);
}

function expectAnswered(findings: readonly Finding[], answers: readonly Answer[]): void {
  const isAnswer = ({ rule, resource }: Finding, answer: Answer): boolean =>
    answer.rules.includes(rule) && answer.resources.test(resource);
  expect(findings.length).toBeGreaterThan(0);
  expect(findings.filter(finding => !answers.some(answer => isAnswer(finding, answer)))).toEqual([]);
  const idle = answers.flatMap(answer =>
    answer.rules.filter(rule => !findings.some(finding => finding.rule === rule && isAnswer(finding, answer))),
  );
  expect(idle).toEqual([]);
}

test('what checkov finds in the template is answered', () => {
  const { output } = runTool('checkov', [
    ...['--file', 'infra/template.yaml', '--framework', 'cloudformation', '--output', 'json'],
    ...['--quiet', '--compact', '--skip-download'],
  ]);
  // Its own warnings follow.
  const report = JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('\n}') + 2));
  expect(report.summary).toMatchObject({ parsing_errors: 0 });
  expect(report.summary.passed).toBeGreaterThan(100);
  const failed: readonly { readonly check_id: string; readonly resource: string }[] = report.results.failed_checks;
  expectAnswered(
    failed.map(({ check_id: rule, resource }) => ({ rule, resource: resource.split('.').at(-1) ?? '' })),
    checkovAnswers,
  );
});

test('what cdk-nag finds in the construct is answered', () => {
  const construct = pathToFileURL(built('tidelake-warehouse.js')).href;
  synthesise([join(folder, 'nag-app.mjs'), construct, bundles], 'nag');
  const report = JSON.parse(readFileSync(join(folder, 'nag', 'AwsSolutions-Nag-NagReport.json'), 'utf8'));
  const lines: readonly { readonly ruleId: string; readonly resourceId: string; readonly compliance: string }[] =
    report.lines;
  expect(lines.length).toBeGreaterThan(50);
  expectAnswered(
    lines
      .filter(({ compliance }) => compliance !== 'Compliant')
      .map(({ ruleId, resourceId }) => ({ rule: ruleId, resource: resourceId.split('/').at(-1) ?? '' })),
    cdkNagAnswers,
  );
});

test('the construct makes what the plain template makes, with the same choices', () => {
  synthesise([built(join('example', 'app.js')), bundles], 'out');
  const text = readFileSync(join(folder, 'out', 'Tidelake.template.json'), 'utf8');
  const own = /LakeTemplate(\w+?)[0-9A-F]{8}(?=")/g;
  const made = JSON.parse(text.replaceAll(own, (_, id: string) => id)).Resources;
  const key = { 'Fn::GetAtt': [Object.keys(made).find(id => /^Key/.test(id)) ?? '', 'Arn'] };
  const plain = templateWith({ codeOf: () => ({}), handler: () => 'index.handler' });
  const { Resources } = chosenTemplate(plain, {
    'AWS::StackName': 'tidelake-prod',
    LogShards: 2,
    LogRetentionHours: 168,
    KmsKeyArn: key,
    AlarmTopicArn: { Ref: Object.keys(made).find(id => /^Alarms[0-9A-F]{8}$/.test(id)) ?? '' },
    Tracing: 'Active',
  });
  for (const [id, { Properties, ...resource }] of Object.entries(Resources)) {
    const { Tags, Code: _, ...properties } = Properties;
    expect(made[id], id).toMatchObject({ ...resource, Properties: properties });
    if (Tags !== undefined)
      expect(JSON.stringify(made[id].Properties.Tags), id).toContain('{"Key":"team","Value":"data"}');
  }
  const codes = functionDefinitions.map(({ name }) => JSON.stringify(made[functionId(name)].Properties.Code));
  expect(new Set(codes).size).toBe(functionDefinitions.length);
});

test('the construct takes what the plain template takes, and leaves to CloudFormation what only that will know', () => {
  const construct = pathToFileURL(built('tidelake-warehouse.js')).href;
  const said = JSON.parse(synthesise([join(folder, 'refused-app.mjs'), construct, bundles], 'refused'));
  const accounts = 'must be empty or numbers of AWS accounts, 12 digits each, with commas between them';
  expect(said).toEqual([
    `ReaderAccounts *: ${accounts}`,
    `ProducerAccounts 123456789012,arn:aws:iam::123456789012:root: ${accounts}`,
    'LogShards 0: must be at least 1',
    expect.stringMatching(/^LogGroupRetentionDays 8: must be one of 1, 3, 5, /),
    'IngestConcurrency -2: must be at least -1',
    'Runtime nodejs18.x: must be one of nodejs22.x, nodejs24.x',
    'taken',
    'taken',
  ]);
});

test("CloudWatch may publish to the example's topic, and use the key for it", () => {
  const { Resources } = JSON.parse(readFileSync(join(folder, 'out', 'Tidelake.template.json'), 'utf8'));
  const actionsIn = (type: string, document: string): readonly unknown[] =>
    Object.values(Resources)
      .map(Object)
      .filter(({ Type }) => Type === type)
      .flatMap(({ Properties }) => Properties[document].Statement)
      .filter(({ Principal }) => Principal.Service === 'cloudwatch.amazonaws.com')
      .flatMap(({ Action }) => Action);
  expect(actionsIn('AWS::SNS::TopicPolicy', 'PolicyDocument')).toEqual(['sns:Publish']);
  expect(actionsIn('AWS::KMS::Key', 'KeyPolicy')).toEqual(['kms:Decrypt', 'kms:GenerateDataKey*']);
});

test('the construct gives others what the policies of the plain template give', () => {
  const made: Readonly<Record<string, { readonly Properties: unknown }>> = JSON.parse(
    readFileSync(join(folder, 'out', 'Tidelake.template.json'), 'utf8'),
  ).Resources;
  const actionsOf = (pattern: RegExp): readonly string[] => {
    const found = Object.entries(made).filter(([id]) => pattern.test(id));
    expect(found.length, String(pattern)).toBe(1);
    return [...JSON.stringify(found[0]?.[1].Properties).matchAll(/"((?:s3|kinesis|kms):(?!ViaService)\w+)"/g)]
      .map(([, action = '']) => action)
      .toSorted();
  };
  expect(actionsOf(/^ReaderDefaultPolicy/)).toEqual(actionsOf(/^LakeTemplateReadLake/));
  expect(actionsOf(/^ProducerDefaultPolicy/)).toEqual(actionsOf(/^LakeTemplateProduceToLake/));
});
