/** Jars for programs on the JVM, fetched once by Maven into the cache folder. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cachedFolder, runProgram } from '../../scripts/cache-folder.ts';

export type JarsToFetch = {
  /** Of the cached folder. */
  readonly name: string;
  readonly version: string;
  /** Names the jars. */
  readonly pom: string;
  readonly properties?: readonly string[];
};

/** @returns the folder of the jars that the program needs at run time */
export function fetchedJars({ name, version, pom, properties = [] }: JarsToFetch): string {
  return cachedFolder(`${name}-jars-${version}-${hashOf([pom])}`, folder => {
    const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${folder}`];
    runProgram('mvn', ['-q', '-B', '-f', pom, ...properties, ...copy]);
  });
}

export function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}
