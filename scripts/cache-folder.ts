/**
 * The folder for what is fetched or built once and shared by all checkouts: `$TIDELAKE_CACHE`, else `~/.cache/tidelake`.
 * Everything in it can be thrown away.
 */
import { spawnSync } from 'node:child_process';
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
  throw new Error(`${program} failed (${result.error?.message ?? `status ${result.status}`}):\n${said}`);
}
