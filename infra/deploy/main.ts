/**
 * Deploys a lake to AWS, or shows what that would do, or takes it away again.
 *
 *   npm run deploy -- --stage prod [--region R] [--profile P] [--set NAME=VALUE]… [--tag NAME=VALUE]… [--dry-run]
 *   npm run remove -- --stage prod [--region R] [--profile P] [--yes]
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { howItEnded, runProgram } from '../../scripts/cache-folder.ts';
import { toolCommand } from '../../scripts/cloud-tools.ts';
import { functionDefinitions } from '../definitions/functions.ts';
import { parameters } from '../definitions/parameters.ts';
import { accountOf, type DeployedStack, deployedStack, deployedTemplate, stackName } from './deployed-stack.ts';
import {
  type DeployOptions,
  keepingChoices,
  parameterLines,
  parseDeployOptions,
  parseRemoveOptions,
  type RemoveOptions,
  UsageError,
} from './options.ts';
import type { DeployedTemplate } from './plan.ts';
import { type BundleSizes, type Deployed, planText } from './plan-text.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const oslsMsMax = 60 * 60_000;

const usage = [
  'usage: npm run deploy -- --stage STAGE [--region R] [--profile P] [--set NAME=VALUE]… [--tag NAME=VALUE]… [--dry-run]',
  '       npm run remove -- --stage STAGE [--region R] [--profile P] [--yes]',
  '',
  'What may be set:',
  ...parameterLines(),
].join('\n');

async function deploy(asked: DeployOptions): Promise<void> {
  if (!asked.isDryRun) await checkCredentials(asked);
  const deployed = await deployedOf(asked);
  const options = deployed.status === 'exists' ? keepingChoices(asked, deployed) : asked;
  mkdirSync(join(root, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(root, '.cache', 'deploy-'));
  try {
    console.log('Bundling and packaging…');
    runProgram(process.execPath, [join(root, 'scripts', 'bundle.mjs'), '--arch', bundleArchitecture(options)]);
    osls('package', oslsOptions(options, folder));
    console.log(planText(options, { template: readTemplate(folder), bundles: bundleSizes(folder), deployed }));
    if (options.isDryRun) {
      console.log('A dry run: nothing was deployed.');
      return;
    }
    changeStack('deploy', options, oslsOptions(options, folder));
    await printOutputs(options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As Node calls it. */
function bundleArchitecture({ chosen }: DeployOptions): string {
  const architecture = chosen['Architecture'] ?? parameters['Architecture']?.Default;
  return architecture === 'x86_64' ? 'x64' : 'arm64';
}

async function remove(options: RemoveOptions): Promise<void> {
  await checkCredentials(options);
  const name = stackName(options.stage);
  const stack = await deployedStack(options);
  if (stack === undefined) throw new UsageError(`there is no stack ${name} in ${options.region}`);
  console.log(`Stack ${name} in ${options.region}: functions, roles, alarms, the commit stream and the queue go.`);
  const { warehouse, log } = addresses(stack);
  console.log(
    `The warehouse and the log stay in the account, with all rows, and go on costing:\n  ${warehouse}\n  ${log}`,
  );
  if (!options.isConfirmed) {
    console.log('Nothing was removed; say --yes.');
    process.exitCode = 1;
    return;
  }
  changeStack('remove', options, ['--stage', options.stage, ...placeOptions(options)]);
}

async function checkCredentials(place: DeployOptions | RemoveOptions): Promise<void> {
  try {
    console.log(`Account ${await accountOf(place)}, region ${place.region}`);
  } catch (error) {
    throw new UsageError(
      `AWS lets nobody in: ${messageOf(error)}\n` +
        'Credentials are looked for where AWS programs look: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or --profile, ' +
        '`aws sso login`. `--dry-run` of deploy needs none.',
    );
  }
}

async function deployedOf(
  options: DeployOptions,
): Promise<Deployed & { readonly tags: Readonly<Record<string, string>> }> {
  try {
    const [template, stack] = await Promise.all([deployedTemplate(options), deployedStack(options)]);
    if (template === undefined || stack === undefined) return { status: 'none', tags: {} };
    return { status: 'exists', template, parameters: stack.parameters, tags: stack.tags };
  } catch (error) {
    // Whoever deploys has shown credentials by now; a dry run says that it does not know.
    if (!options.isDryRun) throw new UsageError(`what there is of the stack is not known: ${messageOf(error)}`);
    return { status: 'not-known', why: messageOf(error), tags: {} };
  }
}

function oslsOptions(options: DeployOptions, folder: string): readonly string[] {
  const tagsFile = join(folder, 'tags.json');
  writeFileSync(tagsFile, JSON.stringify(options.tags));
  return [
    ...['--stage', options.stage, '--package', folder],
    ...placeOptions(options),
    `--param=TagsFile=${tagsFile}`,
    // osls takes no empty ones; where a parameter may be empty, that is its default.
    ...Object.entries(options.chosen).flatMap(([name, value]) => (value === '' ? [] : [`--param=${name}=${value}`])),
  ];
}

function placeOptions({ region, profile }: DeployOptions | RemoveOptions): readonly string[] {
  return ['--region', region, ...(profile === undefined ? [] : ['--aws-profile', profile])];
}

/** With all that osls says. Whatever ends it, CloudFormation goes on with what it was told. */
function changeStack(
  change: 'deploy' | 'remove',
  { stage }: { readonly stage: string },
  args: readonly string[],
): void {
  const advice = `CloudFormation may still be at work: look at stack ${stackName(stage)}, then run it again`;
  osls(change, args, { stdio: 'inherit', advice });
}

type OslsRun = { readonly stdio: 'pipe' | 'inherit'; readonly advice: string };

function osls(what: string, args: readonly string[], { stdio, advice }: OslsRun = { stdio: 'pipe', advice: '' }): void {
  const [program = '', ...rest] = toolCommand('osls');
  const result = spawnSync(program, [...rest, what, ...args], {
    cwd: root,
    encoding: 'utf8',
    stdio,
    timeout: oslsMsMax,
    env: { ...process.env, SLS_TELEMETRY_DISABLED: '1', SLS_NOTIFICATIONS_MODE: 'off' },
  });
  if (result.status === 0) return;
  const said = `${result.stdout ?? ''}${result.stderr ?? ''}`;
  throw new UsageError(`osls ${what} did not succeed (${howItEnded(result)})\n${advice}${said}`.trim());
}

function readTemplate(folder: string): DeployedTemplate {
  return JSON.parse(readFileSync(join(folder, 'cloudformation-template-update-stack.json'), 'utf8'));
}

function bundleSizes(folder: string): BundleSizes {
  return Object.fromEntries(
    functionDefinitions.map(({ name }) => {
      const bundle = join(root, 'dist', 'functions', name);
      const files = readdirSync(bundle, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
      const unpackedBytes = files.reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0);
      return [name, { zipBytes: statSync(join(folder, `${name}.zip`)).size, unpackedBytes }];
    }),
  );
}

async function printOutputs(options: DeployOptions): Promise<void> {
  const stack = await deployedStack(options);
  if (stack === undefined) throw new UsageError(`there is no stack ${stackName(options.stage)} after all`);
  for (const [name, value] of Object.entries(stack.outputs)) console.log(`${name}: ${value}`);
  const { warehouse, log } = addresses(stack);
  const place = `--warehouse ${warehouse} --log ${log}`;
  console.log(`\nTry it: AWS_REGION=${options.region} npm run tidelake -- sql ${place} "SHOW DATABASES"`);
}

function addresses({ resources }: DeployedStack): { readonly warehouse: string; readonly log: string } {
  return { warehouse: `s3://${resources['WarehouseBucket']}`, log: `kinesis://${resources['LogStream']}` };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const [command, ...args] = process.argv.slice(2);
try {
  if (args.includes('--help')) console.log(usage);
  else if (command === 'deploy') await deploy(parseDeployOptions(args, process.env));
  else if (command === 'remove') await remove(parseRemoveOptions(args, process.env));
  else throw new UsageError(usage);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
