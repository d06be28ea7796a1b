/**
 * The tools that check what is deployed, installed on demand: they are too heavy for the lock, and only tests and whoever
 * deploys need them.
 *
 *   node scripts/cloud-tools.ts cfn-lint ARGS…
 *   node scripts/cloud-tools.ts osls ARGS…
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedFolder, runProgram } from './cache-folder.ts';

const cfnLintVersion = '1.58.0';
const oslsVersion = '4.3.1';

export type ToolResult = { readonly exitCode: number | null; readonly output: string };

/** The folder with cfn-lint's packages. */
export function cfnLintFolder(): string {
  return cachedFolder(`cfn-lint-${cfnLintVersion}`, into => {
    runProgram('python3', ['-m', 'pip', 'install', '--quiet', '--target', into, `cfn-lint==${cfnLintVersion}`]);
  });
}

/** cfn-lint, as a command line without its arguments. */
function cfnLint(): readonly string[] {
  const folder = cfnLintFolder();
  return ['env', `PYTHONPATH=${folder}`, 'python3', join(folder, 'bin', 'cfn-lint')];
}

/** osls, run by the Node that runs this. */
function osls(): readonly string[] {
  const folder = cachedFolder(`osls-${oslsVersion}`, into => {
    const quiet = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
    runProgram('npm', ['install', '--prefix', into, ...quiet, `osls@${oslsVersion}`], into);
  });
  return [process.execPath, join(folder, 'node_modules', 'osls', 'bin', 'serverless.js')];
}

const tools: Readonly<Record<'cfn-lint' | 'osls', () => readonly string[]>> = { 'cfn-lint': cfnLint, osls };

/** Runs a tool in the repository; it asks nobody for credentials and reports to nobody. */
export function runTool(tool: keyof typeof tools, args: readonly string[]): ToolResult {
  const [program = '', ...rest] = tools[tool]();
  const result = spawnSync(program, [...rest, ...args], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, SLS_TELEMETRY_DISABLED: '1', SLS_NOTIFICATIONS_MODE: 'off' },
  });
  return { exitCode: result.status, output: `${result.stdout}${result.stderr}` };
}

if (import.meta.main) {
  const [tool, ...args] = process.argv.slice(2);
  if (tool !== 'cfn-lint' && tool !== 'osls') {
    console.error('usage: cloud-tools.ts cfn-lint|osls ARGS…');
    process.exit(2);
  }
  const { exitCode, output } = runTool(tool, args);
  process.stdout.write(output);
  process.exitCode = exitCode ?? 1;
}
