/**
 * The folder for what is fetched or built once and shared by all checkouts: `$TIDELAKE_CACHE`, else `~/.cache/tidelake`.
 * Everything in it can be thrown away.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const programMsMax = 10 * 60_000;

export const cacheFolder: string = process.env['TIDELAKE_CACHE'] ?? join(homedir(), '.cache', 'tidelake');

/**
 * A folder of the cache, filled when it is not there. Two processes may do it at once: each fills a folder of its own and the
 * first rename wins, so a folder under its name is always whole. What is in it must not depend on where it was filled.
 *
 * @param name says what went in, by version or hash
 */
export function cachedFolder(name: string, fill: (folder: string) => void): string {
  const target = join(cacheFolder, name);
  if (existsSync(target)) return target;
  mkdirSync(cacheFolder, { recursive: true });
  const folder = mkdtempSync(join(cacheFolder, `${name}.`));
  try {
    fill(folder);
    renameSync(folder, target);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

/** Runs a program to its end; throws with what it printed when it fails. */
export function runProgram(
  program: string,
  args: readonly string[],
  cwd?: string,
  env: NodeJS.ProcessEnv = process.env,
): void {
  const result = spawnSync(program, args, { encoding: 'utf8', timeout: programMsMax, cwd, env });
  if (result.status === 0) return;
  const said = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim();
  throw new Error(`${program} failed (${howItEnded(result)}):\n${said}`);
}

/** How a program ended that did not succeed: it could not be run to its end, was killed, or gave a status. */
export function howItEnded({ error, signal, status }: SpawnSyncReturns<string>): string {
  return error?.message ?? (signal === null ? `status ${status}` : `killed by ${signal}`);
}

/** Installs packages of npm into a folder, with all that they need. @param packages versions by name */
export function npmInstall(
  into: string,
  packages: Readonly<Record<string, string>>,
  { flags = [], env }: { readonly flags?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
): void {
  const quiet = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  const wanted = Object.entries(packages).map(([name, version]) => `${name}@${version}`);
  runProgram('npm', ['install', '--prefix', into, ...quiet, ...flags, ...wanted], into, env);
}
