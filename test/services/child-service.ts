import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';

/** Real servers as child processes of a test: on a free loopback port, with a folder of their own that goes with them. */
export type ChildService = AsyncDisposable & {
  readonly port: number;
  /** SIGKILL, wherever it is; its folder stays as it is at that moment. */
  crash(): Promise<void>;
  /** Starts it again on its folder and its port, and waits until it is ready. */
  restart(): Promise<void>;
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
  /** Where its folder is made; the system's temporary folder when not given. */
  readonly parentFolder?: string | undefined;
  /** A place of its own, which stays when it is stopped. */
  readonly place?: ServicePlace | undefined;
};

export type ServicePlace = { readonly folder: string; readonly port: number };

export type ChildCommand = {
  readonly file: string;
  readonly parameters: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
};

/** Starts a service and waits until it is ready. Another program may take the free port first, so it tries again. */
export async function startChildService(spec: ChildServiceSpec): Promise<ChildService> {
  if (spec.place !== undefined) {
    const service = new RunningService(spec, spec.place);
    await service.restart();
    return service;
  }
  let failure: unknown;
  for (let attempt = 0; attempt < startAttemptsMax; attempt += 1) {
    const folder = await mkdtemp(join(spec.parentFolder ?? tmpdir(), `tidelake-${spec.name}-`));
    const service = new RunningService(spec, { folder, port: await freePort() });
    try {
      await service.restart();
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

const startAttemptsMax = 5;
const startPauseMs = 300;
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
    // Not at its exit, when what it said last may be on its way.
    child.once('close', () => resolve());
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

class RunningService implements ChildService {
  readonly #spec: ChildServiceSpec;
  readonly #folder: string;
  readonly port: number;
  #child: RunningChild | undefined;
  #starting: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(spec: ChildServiceSpec, place: { readonly port: number; readonly folder: string }) {
    this.#spec = spec;
    this.#folder = place.folder;
    this.port = place.port;
  }

  /** One start at a time: who asks for another while it starts waits for the same. */
  restart(): Promise<void> {
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** While it was away something else may have had its port for a moment, or it was killed again, so it tries again. */
  async #start(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const child = start(this.#spec.command(this.port, this.#folder));
      this.#child = child;
      try {
        return await waitUntilReady(this.#spec, { child, port: this.port });
      } catch (error) {
        await this.crash();
        if (attempt >= startAttemptsMax) throw error;
        await systemClock.sleep(attempt * startPauseMs);
      }
    }
  }

  async crash(): Promise<void> {
    this.#child?.process.kill('SIGKILL');
    await this.#child?.ended;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    if (this.#child !== undefined) {
      this.#child.process.kill('SIGTERM');
      await Promise.race([this.#child.ended, systemClock.sleep(stopMsMax)]);
    }
    await this.crash();
    if (this.#spec.place !== undefined) return;
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * Below those that connections are given: while a service is away, a client that calls its port may be given that very port
 * for its own end, and then holds it.
 */
const servicePorts = { first: 12_000, count: 18_000 };
const portTriesMax = 50;

/** @param count this many from it on are free; another program may take them first */
export async function freePort(count: number = 1): Promise<number> {
  for (let tries = 0; tries < portTriesMax; tries += 1) {
    const first = servicePorts.first + Math.floor(systemRandom.next() * (servicePorts.count - count));
    const areFree = await Promise.all(Array.from({ length: count }, (_, index) => isFree(first + index)));
    if (areFree.every(Boolean)) return first;
  }
  throw new Error(`no ${count} free ports after ${portTriesMax} tries`);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise(resolve => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
