/** Puts a Java harness together: Maven fetches the jars, javac compiles the classes, each once into the cache folder. */
import { join } from 'node:path';
import { cachedFolder, runProgram } from '../../scripts/cache-folder.ts';
import { fetchedJars, hashOf } from '../services/maven-jars.ts';

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
  const jars = fetchedJars({ name, version, pom, properties });
  const classes = cachedFolder(`${name}-classes-${version}-${hashOf([pom, ...sources])}`, folder => {
    runProgram('javac', ['-nowarn', '--release', '17', '-cp', join(jars, '*'), '-d', folder, ...sources]);
  });
  return [classes, join(jars, '*')].join(':');
}
