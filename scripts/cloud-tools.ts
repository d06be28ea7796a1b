/**
 * The tools that check and deploy the infrastructure, installed on demand: they are too heavy for the lock, and only tests and
 * whoever deploys need them.
 *
 *   node scripts/cloud-tools.ts cfn-lint|checkov|moto|osls ARGS…
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedFolder, howItEnded, npmInstall, runProgram } from './cache-folder.ts';

const pythonTools = {
  'cfn-lint': { requirement: 'cfn-lint==1.58.0', program: 'cfn-lint' },
  checkov: { requirement: 'checkov==3.3.30', program: 'checkov' },
  moto: { requirement: 'moto[server]==5.2.5', program: 'moto_server' },
} as const;
export const oslsVersion = '4.3.1';
const cdkPackages = {
  'aws-cdk-lib': '2.276.0',
  'cdk-nag': '2.36.8',
  constructs: '10.8.1',
};

const toolMsMax = 10 * 60_000;

export type ToolResult = { readonly exitCode: number | null; readonly output: string };

export type CloudTool = keyof typeof pythonTools | 'osls';

/** A folder with a package of PyPI and all that it needs, for PYTHONPATH. */
export function pythonFolder(tool: keyof typeof pythonTools): string {
  const { requirement } = pythonTools[tool];
  return cachedFolder(requirement.replace(/\[.*\]/, '').replace('==', '-'), into => {
    runProgram('python3', ['-m', 'pip', 'install', '--quiet', '--target', into, requirement]);
  });
}

function pythonProgram(tool: keyof typeof pythonTools): readonly string[] {
  const folder = pythonFolder(tool);
  return ['env', `PYTHONPATH=${folder}`, 'python3', join(folder, 'bin', pythonTools[tool].program)];
}

/** A folder of packages of npm with all that they need. @returns its `node_modules` */
function npmFolder(name: string, packages: Readonly<Record<string, string>>): string {
  return join(
    cachedFolder(name, into => npmInstall(into, packages)),
    'node_modules',
  );
}

/** The `node_modules` with osls and what it calls AWS with. */
export function oslsModules(): string {
  return npmFolder(`osls-${oslsVersion}`, { osls: oslsVersion });
}

/** The `node_modules` with what the CDK construct is type-checked, synthesised and examined with. */
export function cdkModules(): string {
  const versions = Object.values(cdkPackages).join('-');
  return npmFolder(`cdk-${versions}`, cdkPackages);
}

/** A tool as a command line without its own arguments, for whoever starts it by other means. */
export function toolCommand(tool: CloudTool): readonly string[] {
  if (tool !== 'osls') return pythonProgram(tool);
  return [process.execPath, join(oslsModules(), 'osls', 'bin', 'serverless.js')];
}

/** Runs a tool in the repository to its end; it reports to nobody. */
export function runTool(
  tool: CloudTool,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ToolResult {
  const [program = '', ...rest] = toolCommand(tool);
  const result = spawnSync(program, [...rest, ...args], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, SLS_TELEMETRY_DISABLED: '1', SLS_NOTIFICATIONS_MODE: 'off', ...environment },
    timeout: toolMsMax,
    maxBuffer: 64 * 1024 * 1024,
  });
  const said = `${result.stdout ?? ''}${result.stderr ?? ''}`;
  return {
    exitCode: result.status,
    output: result.status === null ? `${said}\n${tool} did not come to its end: ${howItEnded(result)}\n` : said,
  };
}

function isTool(name: string | undefined): name is CloudTool {
  return name === 'osls' || (name !== undefined && Object.keys(pythonTools).includes(name));
}

if (import.meta.main) {
  const [tool, ...args] = process.argv.slice(2);
  if (!isTool(tool)) {
    console.error(`usage: cloud-tools.ts ${Object.keys(pythonTools).join('|')}|osls ARGS…`);
    process.exit(2);
  }
  const { exitCode, output } = runTool(tool, args);
  process.stdout.write(output);
  process.exitCode = exitCode ?? 1;
}
