/**
 * `npm run offline`: the bundled functions under serverless-offline, which is installed on demand.
 *
 *   npm run local -- --without-functions --dir FOLDER
 *   source FOLDER/env.sh && npm run offline
 *
 * For trying handlers in an environment that many know. The local cloud (`npm run local`) is closer to AWS in everything.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedFolder, npmInstall, runProgram } from '../cache-folder.ts';
import { oslsVersion } from '../cloud-tools.ts';

const packages = { osls: oslsVersion, 'serverless-offline': '14.8.2', 'serverless-offline-kinesis': '6.2.3' };
const wanted = ['TIDELAKE_WAREHOUSE', 'TIDELAKE_LOG', 'AWS_REGION', 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL_KINESIS'];
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Its peers ask for the Serverless Framework itself; osls takes its place. */
function oslsWithOffline(): string {
  const name = `serverless-offline-${Object.values(packages).join('-')}`;
  const folder = cachedFolder(name, into => npmInstall(into, packages, { flags: ['--legacy-peer-deps'] }));
  return join(folder, 'node_modules', 'osls', 'bin', 'serverless.js');
}

function logStream(): string {
  return /^kinesis:\/\/([\w.-]+)$/.exec(process.env['TIDELAKE_LOG'] ?? '')?.[1] ?? '';
}

const missing = wanted.filter(name => (process.env[name] ?? '') === '');
if (missing.length > 0) {
  console.error(
    `  ${missing.join(', ')} ${missing.length === 1 ? 'says' : 'say'} where things are, and ${missing.length === 1 ? 'is' : 'are'} not set. ` +
      'Start `npm run local -- --without-functions --dir FOLDER` and `source FOLDER/env.sh` first.',
  );
  process.exit(1);
}
runProgram(process.execPath, [join(root, 'scripts', 'bundle.mjs')]);
const args = [oslsWithOffline(), 'offline', '--config', 'serverless.offline.yml', ...process.argv.slice(2)];
const child = spawn(process.execPath, args, {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    TIDELAKE_OFFLINE_LOG_STREAM: logStream(),
    SLS_TELEMETRY_DISABLED: '1',
    SLS_NOTIFICATIONS_MODE: 'off',
    AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE: '1',
  },
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.once('exit', code => process.exit(code ?? 0));
