/** Puts the Paimon harness together: Maven fetches the jars, javac compiles the classes, each once into the cache folder. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedFolder, runProgram } from '../../scripts/cache-folder.ts';

const javaFolder = fileURLToPath(new URL('java/', import.meta.url));

/** The judge first; the others show what readers of their time make of our tables. */
export const paimonVersions = ['1.4.2', '1.3.1', '0.9.0'] as const;

export type PaimonVersion = (typeof paimonVersions)[number];

/** Of what only the newest version has classes for. */
const newestOnly: ReadonlySet<string> = new Set([
  'PaimonBitmaps.java',
  'PaimonClustering.java',
  'PaimonCompactions.java',
  'PaimonCurves.java',
  'PaimonDeletes.java',
  'PaimonPostponed.java',
]);

/** @returns the class path of the harness, built when it is not there */
export function paimonClassPath(version: PaimonVersion): string {
  const pom = join(javaFolder, 'pom.xml');
  const jars = cachedFolder(`paimon-jars-${version}-${hashOf([pom])}`, folder => {
    const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${folder}`];
    runProgram('mvn', ['-q', '-B', '-f', pom, `-Dpaimon.version=${version}`, ...copy]);
  });
  const sources = readdirSync(join(javaFolder, 'src'))
    .toSorted()
    .filter(name => version === paimonVersions[0] || !newestOnly.has(name))
    .map(name => join(javaFolder, 'src', name));
  const classes = cachedFolder(`paimon-classes-${version}-${hashOf([pom, ...sources])}`, folder => {
    runProgram('javac', ['-nowarn', '--release', '17', '-cp', join(jars, '*'), '-d', folder, ...sources]);
  });
  return [classes, join(jars, '*')].join(':');
}

function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}
