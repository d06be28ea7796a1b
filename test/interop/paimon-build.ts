/** Puts the Paimon harness together: Maven fetches the jars, javac compiles the classes, each once into the cache folder. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedFolder, runProgram } from '../../scripts/cache-folder.ts';

const javaFolder = fileURLToPath(new URL('java/', import.meta.url));

/** @returns the class path of the harness, built when it is not there */
export function paimonClassPath(): string {
  const pom = join(javaFolder, 'pom.xml');
  const jars = cachedFolder(`paimon-jars-${hashOf([pom])}`, folder => {
    const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${folder}`];
    runProgram('mvn', ['-q', '-B', '-f', pom, ...copy]);
  });
  const sources = readdirSync(join(javaFolder, 'src'))
    .toSorted()
    .map(name => join(javaFolder, 'src', name));
  const classes = cachedFolder(`paimon-classes-${hashOf([pom, ...sources])}`, folder => {
    runProgram('javac', ['-nowarn', '--release', '17', '-cp', join(jars, '*'), '-d', folder, ...sources]);
  });
  return [classes, join(jars, '*')].join(':');
}

function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}
