/**
 * Puts the Paimon harness together: Maven fetches the jars, javac compiles the classes, each once into the cache folder under a
 * name made of what went in. Two processes may do it at once: each works in a folder of its own and the first rename wins.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const javaFolder = fileURLToPath(new URL('java/', import.meta.url));
const buildMsMax = 10 * 60_000;

/** @returns the class path of the harness, built when it is not there */
export function paimonClassPath(): string {
  const cache = process.env['TIDELAKE_CACHE'] ?? join(homedir(), '.cache', 'tidelake');
  const pom = join(javaFolder, 'pom.xml');
  const jars = built(cache, `paimon-jars-${hashOf([pom])}`, folder => {
    run('mvn', [
      '-q',
      '-B',
      '-f',
      pom,
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${folder}`,
    ]);
  });
  const sources = readdirSync(join(javaFolder, 'src'))
    .toSorted()
    .map(name => join(javaFolder, 'src', name));
  const classes = built(cache, `paimon-classes-${hashOf([pom, ...sources])}`, folder => {
    run('javac', ['-nowarn', '--release', '17', '-cp', join(jars, '*'), '-d', folder, ...sources]);
  });
  return [classes, join(jars, '*')].join(':');
}

function built(cache: string, name: string, build: (folder: string) => void): string {
  const target = join(cache, name);
  if (existsSync(target)) return target;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, `${name}.`));
  try {
    build(folder);
    renameSync(folder, target);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}

function run(program: string, args: readonly string[]): void {
  const result = spawnSync(program, args, { encoding: 'utf8', timeout: buildMsMax });
  if (result.status === 0) return;
  const said = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim();
  throw new Error(`${program} failed (${result.error?.message ?? `status ${result.status}`}):\n${said}`);
}
