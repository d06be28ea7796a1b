/**
 * `npm run local`: the lake's whole stack on this machine, until Ctrl-C.
 *
 *   npm run local -- [--dir FOLDER] [--port N] [--parameter NAME=VALUE]… [--without-functions] [--verbose]
 *
 * With --dir everything is kept and is there again at the next start. --parameter is one of the template's.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, type WriteStream, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkedParameters } from '../../infra/deploy/options.ts';
import type { InvocationReport } from './invocation-report.ts';
import { LocalCloud } from './local-cloud.ts';
import { runtimeClient } from './runtime-client.ts';

const portDefault = 9_400;
const portMax = 65_000;

type Options = {
  readonly folder: string;
  readonly isKept: boolean;
  readonly firstPort: number;
  readonly parameters: Readonly<Record<string, string>>;
  readonly withoutFunctions: boolean;
  readonly isVerbose: boolean;
};

/** @throws Error that says what is wrong with them */
function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      dir: { type: 'string' },
      port: { type: 'string', default: String(portDefault) },
      parameter: { type: 'string', multiple: true, default: [] },
      'without-functions': { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
    },
  });
  const firstPort = Number(values.port);
  if (!Number.isInteger(firstPort) || firstPort < 1 || firstPort > portMax) {
    throw new Error(`--port takes a number from 1 to ${portMax}; some ports from it on are used`);
  }
  return {
    folder: values.dir === undefined ? mkdtempSync(join(tmpdir(), 'tidelake-local-')) : resolve(values.dir),
    isKept: values.dir !== undefined,
    firstPort,
    parameters: checkedParameters('--parameter', values.parameter),
    withoutFunctions: values['without-functions'],
    isVerbose: values.verbose,
  };
}

/** Into a folder of its own each time, so that what runs is never changed. @throws Error when it fails */
async function bundle(folder: string, version: number): Promise<string> {
  const bundles = join(folder, 'code', String(version));
  await runScript('bundle.mjs', bundles);
  return bundles;
}

/** While it runs, the cloud goes on. @throws Error when it fails */
async function runScript(name: string, ...args: readonly string[]): Promise<void> {
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [status, signal] = await once(child, 'exit');
  if (status !== 0) throw new Error(`${name} failed (${signal ?? `status ${status}`}); its messages are above`);
}

/** What cannot be bundled is told, and what is deployed goes on as it is. */
async function deployAnew(cloud: LocalCloud, folder: string, version: number): Promise<void> {
  try {
    cloud.deploy(await bundle(folder, version));
    console.log(`  deployed version ${version}`);
  } catch (error) {
    console.error(`  ${messageOf(error)}; version ${version} is not deployed, the one before goes on`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

class FunctionLogs {
  readonly #folder: string;
  readonly #files = new Map<string, WriteStream>();
  readonly #isVerbose: boolean;

  constructor(folder: string, isVerbose: boolean) {
    this.#folder = folder;
    this.#isVerbose = isVerbose;
    mkdirSync(folder, { recursive: true });
  }

  take(source: string, line: string): void {
    const file = this.#files.get(source) ?? createWriteStream(join(this.#folder, `${source}.log`), { flags: 'a' });
    this.#files.set(source, file);
    file.write(`${line}\n`);
    if (this.#isVerbose) console.log(`${source.padEnd(8)} ${line}`);
  }
}

function reportLine(
  name: string,
  { durationMs, initMs, memoryMbMax, memoryMb, status, error }: InvocationReport,
): string {
  const start = initMs === undefined ? '' : `, started in ${initMs.toFixed(0)} ms`;
  const end = status === 'success' ? '' : `  ${status}: ${error?.errorMessage ?? ''}`;
  return `  ${name.padEnd(8)} ${durationMs.toFixed(0).padStart(6)} ms${start}, ${memoryMbMax} of ${memoryMb} MB${end}`;
}

function describe(cloud: LocalCloud, { folder, isKept }: Options): string {
  const { s3, kinesisEndpoint } = cloud.services;
  const { warehouse, log } = cloud.lakeSettings;
  const [shards] = cloud.stack.streams.map(({ shardCount }) => shardCount);
  const [queue] = cloud.stack.queues.map(({ name }) => join(folder, `${name}.jsonl`));
  const names = [...cloud.functions.keys()];
  const functions = names.length === 0 ? 'none' : `${names.join(', ')}; their logs are in ${join(folder, 'logs')}`;
  const lines: readonly (readonly [string, string])[] = [
    ['warehouse', `${warehouse}, on MinIO at ${s3.endpoint}`],
    ['log', `${log}, ${shards} shard${shards === 1 ? '' : 's'}, on kinesalite at ${kinesisEndpoint}`],
    ...[...cloud.urls].map(([name, url]): [string, string] => [
      name,
      `${url.endpoint} (signatures are not checked here)`,
    ]),
    ['Lambda', `${cloud.control.endpoint}, for \`aws lambda invoke\``],
    ['functions', functions],
    ['failed events', queue ?? 'none'],
  ];
  const table = lines.map(([label, text]) => `  ${label.padEnd(14)} ${text}`).join('\n');
  return `
  The stack ${cloud.stack.name} is up; what it keeps is in ${folder}${isKept ? '' : ' and goes with it'}.

${table}

  In another shell:
    source ${join(folder, 'env.sh')}
    npm run tidelake -- sql "SHOW DATABASES"

  Enter makes the bundles anew and deploys them. Ctrl-C stops everything.
`;
}

async function main(options: Options): Promise<void> {
  const { folder, firstPort, parameters, withoutFunctions, isVerbose } = options;
  await runScript('build-services.mjs');
  if (!withoutFunctions) runtimeClient();
  const logs = new FunctionLogs(join(folder, 'logs'), isVerbose);
  let version = 1;
  let deploying = Promise.resolve();
  await using cloud = await LocalCloud.start({
    bundles: withoutFunctions ? folder : await bundle(folder, version),
    folder,
    firstPort,
    parameters,
    withoutFunctions,
    onLine: (source, line) => logs.take(source, line),
    onReport: (name, report) => console.log(reportLine(name, report)),
  });
  const shell = Object.entries(cloud.clientVariables).map(([name, value]) => `export ${name}='${value}'\n`);
  writeFileSync(join(folder, 'env.sh'), shell.join(''));
  console.log(describe(cloud, options));
  const input = createInterface({ input: process.stdin }).on('line', () => {
    version += 1;
    const next = version;
    deploying = deploying.then(() => deployAnew(cloud, folder, next));
  });
  await new Promise<void>(stop => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop());
  });
  input.close();
  // Or it would put its bundle back into a folder that is gone by then.
  await deploying;
  console.log('  stopping');
}

let options: Options | undefined;
try {
  options = readOptions();
  await main(options);
} catch (error) {
  console.error(`  ${messageOf(error)}`);
  process.exitCode = 1;
} finally {
  if (options?.isKept === false) rmSync(options.folder, { recursive: true, force: true, maxRetries: 5 });
}
process.exit();
