/** Puts a Java harness together: Maven fetches the jars, javac compiles the classes, each once into the cache folder. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cachedFolder, runProgram } from '../../scripts/cache-folder.ts';

export type JavaHarness = {
  /** Of the cached folders. */
  readonly name: string;
  readonly version: string;
  /** Names the jars. */
  readonly pom: string;
  readonly properties?: readonly string[];
  readonly sources: readonly string[];
};

/** @returns the class path of the harness, built when it is not there */
export function builtClassPath({ name, version, pom, properties = [], sources }: JavaHarness): string {
  const jars = cachedFolder(`${name}-jars-${version}-${hashOf([pom])}`, folder => {
    const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${folder}`];
    runProgram('mvn', ['-q', '-B', '-f', pom, ...properties, ...copy]);
  });
  const classes = cachedFolder(`${name}-classes-${version}-${hashOf([pom, ...sources])}`, folder => {
    runProgram('javac', ['-nowarn', '--release', '17', '-cp', join(jars, '*'), '-d', folder, ...sources]);
  });
  return [classes, join(jars, '*')].join(':');
}

function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}
