import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';

/** Real servers as child processes of a test: on a free loopback port, with a folder of their own that goes with them. */
export type ChildService = AsyncDisposable & {
  readonly port: number;
  /** Ends the process and removes its folder; twice is fine. */
  stop(): Promise<void>;
};

export type ChildServiceSpec = {
  readonly name: string;
  /** The command, given a port and an empty folder. */
  readonly command: (port: number, folder: string) => ChildCommand;
  /** Resolves when the service answers; rejects while it does not. */
  readonly ready: (port: number) => Promise<void>;
  /** How long the start may take. */
  readonly readyMsMax: number;
};

export type ChildCommand = {
  readonly file: string;
  readonly parameters: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
};

/** Starts a service and waits until it is ready. Another program may take the free port first, so it tries again. */
export async function startChildService(spec: ChildServiceSpec): Promise<ChildService> {
  let failure: unknown;
  for (let attempt = 0; attempt < startAttemptsMax; attempt += 1) {
    const folder = await mkdtemp(join(tmpdir(), `tidelake-${spec.name}-`));
    const port = await freePort();
    const child = start(spec.command(port, folder));
    const service = serviceOf(child, { port, folder });
    try {
      await waitUntilReady(spec, { child, port });
      return service;
    } catch (error) {
      failure = error;
      await service.stop();
    }
  }
  throw failure;
}

/**
 * Where a program is: on PATH, or in the cache folder that scripts/build-services.mjs fills.
 *
 * @throws Error that says what to do
 */
export function findProgram(name: string): string {
  const cache = process.env['TIDELAKE_CACHE'] ?? join(homedir(), '.cache', 'tidelake');
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(cache, 'bin')];
  const found = folders.map(folder => join(folder, name)).find(isExecutable);
  if (found !== undefined) return found;
  throw new Error(
    `the program \`${name}\` is neither on PATH nor in ${join(cache, 'bin')}: run \`node scripts/build-services.mjs\` ` +
      '(it needs Go 1.24 or newer), or install it yourself',
  );
}

const startAttemptsMax = 3;
const readyPollMs = 50;
const outputKeptChars = 4_000;
const stopMsMax = 5_000;

type RunningChild = { readonly process: ChildProcess; readonly output: () => string; readonly ended: Promise<void> };

function start(command: ChildCommand): RunningChild {
  const child = spawn(command.file, command.parameters, {
    cwd: command.cwd,
    env: { ...process.env, ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: unknown): void => {
    output = (output + String(chunk)).slice(-outputKeptChars);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = new Promise<void>(resolve => {
    child.once('error', error => {
      keep(error);
      resolve();
    });
    child.once('exit', () => resolve());
  }).finally(() => process.removeListener('exit', kill));
  return { process: child, output: () => output, ended };
}

async function waitUntilReady(
  spec: ChildServiceSpec,
  running: { readonly child: RunningChild; readonly port: number },
): Promise<void> {
  const { child, port } = running;
  let ended = false;
  void child.ended.then(() => {
    ended = true;
  });
  const deadlineMs = systemClock.monotonicMs() + spec.readyMsMax;
  for (;;) {
    try {
      if (!ended) return await spec.ready(port);
    } catch (error) {
      if (systemClock.monotonicMs() > deadlineMs) {
        throw new Error(`${spec.name} is not ready after ${spec.readyMsMax} ms; it said:\n${child.output()}`, {
          cause: error,
        });
      }
    }
    if (ended) throw new Error(`${spec.name} ended at once; it said:\n${child.output()}`);
    await systemClock.sleep(readyPollMs);
  }
}

function serviceOf(child: RunningChild, place: { readonly port: number; readonly folder: string }): ChildService {
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    child.process.kill('SIGTERM');
    await Promise.race([child.ended, systemClock.sleep(stopMsMax)]);
    child.process.kill('SIGKILL');
    await child.ended;
    await rm(place.folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const stopOnce = (): Promise<void> => (stopped ??= stop());
  return { port: place.port, stop: stopOnce, [Symbol.asyncDispose]: stopOnce };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
