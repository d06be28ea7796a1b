// Runs the project's checks and counts them.
//
//   node scripts/run-tests.mjs check           lint, types, unit tests: under a minute, needs nothing but Node
//   node scripts/run-tests.mjs all             the same, then integration and interop tests with real services
//   node scripts/run-tests.mjs folder DIR      the tests of another vitest root (how this runner itself is tested)
//
// The last line is `N passed, N failed`. A step that is not a test run counts 1. The exit code is 1 when anything failed.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tallyReport } from './vitest-report.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const stepMsMax = 60 * 60_000;
const nodeVersionMin = [22, 15];

/** A step that hangs is ended, so that the count always comes. */
function run(name, args, cwd = root) {
  console.log(`\n== ${name}: ${args.map(arg => arg.replace(root, '')).join(' ')}`);
  const startMs = performance.now();
  const result = spawnSync(process.execPath, args, {
    cwd,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: stepMsMax,
  });
  const ended = result.status ?? result.error?.code ?? result.signal;
  console.log(`== ${name}: ${ended === 0 ? 'done' : `ended with ${ended}`} after ${seconds(startMs)} s`);
  return result.status ?? 1;
}

function seconds(startMs) {
  return ((performance.now() - startMs) / 1000).toFixed(1);
}

/** One program, one result. */
function step(name, ...args) {
  return run(name, args) === 0 ? { passed: 1, failures: [] } : { passed: 0, failures: [`${name}: see above`] };
}

/** A fresh range of seeds each time; it prints them. */
function simulation() {
  const report = reportFile('simulation');
  const result = step('simulation', join(root, 'test', 'simulation', 'main.ts'), '--ci', '--failures', report);
  const failed = (readReport(report) ?? '').split('\n').filter(line => line !== '');
  return failed.length === 0 ? result : { passed: 0, failures: failed.map(line => `simulation: ${line}`) };
}

/** A vitest run; each test is a result. */
function tests(name, args, cwd = root) {
  const report = reportFile(name);
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const exitCode = run(
    name,
    [vitest, 'run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    cwd,
  );
  return tallyReport(readReport(report), exitCode);
}

function reportFile(name) {
  const report = join(root, '.cache', 'reports', `${name}-${process.pid}`);
  mkdirSync(dirname(report), { recursive: true });
  rmSync(report, { force: true });
  return report;
}

/** What the step wrote, once; undefined when it wrote none. */
function readReport(report) {
  const text = existsSync(report) ? readFileSync(report, 'utf8') : undefined;
  rmSync(report, { force: true });
  return text;
}

function* checkSteps() {
  yield step('format and lint', join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome'), 'check', '.');
  yield step('types', join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--noEmit');
  yield tests('unit', ['--project', 'unit']);
}

async function* allSteps() {
  // Not imported above: it holds types, which an older Node cannot read before its version is looked at.
  const { missingPrerequisites } = await import('./prerequisites.mjs');
  const missing = missingPrerequisites();
  if (missing.length > 0) {
    console.error('These are needed to run all tests (`npm run check` runs the part that needs none of them):');
    for (const line of missing) console.error(`  - ${line}`);
    yield { passed: 0, failures: missing.map(line => `missing: ${line}`) };
    return;
  }
  yield step('services', join(root, 'scripts', 'build-services.mjs'));
  yield* checkSteps();
  yield tests('long', ['--project', 'long']);
  yield simulation();
  yield tests('integration', ['--project', 'integration']);
  yield tests('interop', ['--project', 'interop']);
}

function stepsOf([mode, folder]) {
  if (mode === 'check') return checkSteps();
  if (mode === 'all') return allSteps();
  if (mode === 'folder' && folder !== undefined) return [tests('folder', ['--root', folder], folder)];
  console.error('usage: run-tests.mjs check | all | folder DIR');
  process.exit(2);
}

function assertNodeVersion() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > nodeVersionMin[0] || (major === nodeVersionMin[0] && minor >= nodeVersionMin[1])) return;
  console.error(
    `Node ${nodeVersionMin.join('.')} or newer is needed, this is ${process.versions.node}: run it through npm.`,
  );
  console.log('0 passed, 1 failed');
  process.exit(1);
}

assertNodeVersion();
const startMs = performance.now();
let passed = 0;
const failures = [];
for await (const result of stepsOf(process.argv.slice(2))) {
  passed += result.passed;
  failures.push(...result.failures);
}
if (failures.length > 0) console.log(`\nFailed:\n${failures.map(line => `  - ${line}`).join('\n')}`);
console.log(`\nafter ${seconds(startMs)} s`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
