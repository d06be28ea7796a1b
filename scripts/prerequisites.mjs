// What `npm test` needs beyond Node and the locked packages.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';

const javaMajorMin = 17;
const goMinorMin = 24;
const pythonMinorMin = 9;
const probeMsMax = 60_000;

/** @returns what a program prints, or undefined when it is not there or does not start */
function outputOf(program, ...args) {
  const result = spawnSync(program, args, { encoding: 'utf8', timeout: probeMsMax });
  return result.status === 0 ? `${result.stdout}${result.stderr}` : undefined;
}

function onPathOrBuilt(name) {
  return existsSync(join(cacheFolder, 'bin', name)) || outputOf(name, '--version') !== undefined;
}

function numberIn(text, pattern) {
  const found = text?.match(pattern);
  return found ? Number(found[1]) : 0;
}

/**
 * Looks for the programs that the integration and interop tests use.
 *
 * @returns a line for each that is missing: what, what for, and what to install
 */
export function missingPrerequisites() {
  const missing = [];
  if (numberIn(outputOf('java', '-version'), /version "(\d+)/) < javaMajorMin) {
    missing.push(
      `Java ${javaMajorMin} or newer, to run Apache Paimon against our tables. Debian: apt-get install openjdk-17-jdk-headless`,
    );
  } else if (outputOf('javac', '-version') === undefined) {
    missing.push('javac, to compile the Paimon harness. Debian: apt-get install openjdk-17-jdk-headless');
  }
  if (outputOf('mvn', '--version') === undefined) {
    missing.push('Maven (mvn), to fetch Apache Paimon. Debian: apt-get install maven');
  }
  const built = onPathOrBuilt('minio') && onPathOrBuilt('versitygw');
  if (!built && numberIn(outputOf('go', 'version'), /go1\.(\d+)/) < goMinorMin) {
    missing.push(
      `Go 1.${goMinorMin} or newer, to build MinIO and versitygw once (Debian's own Go is too old: take it from https://go.dev/dl). ` +
        `Or put \`minio\` and \`versitygw\` on PATH or into ${join(cacheFolder, 'bin')}`,
    );
  }
  if (
    numberIn(outputOf('python3', '--version'), /Python 3\.(\d+)/) < pythonMinorMin ||
    outputOf('python3', '-c', 'import pip') === undefined
  ) {
    missing.push(`Python 3.${pythonMinorMin} or newer with pip, to run cfn-lint. Debian: apt-get install python3-pip`);
  }
  const compilers = ['cmake', 'make', 'g++'].filter(name => outputOf(name, '--version') === undefined);
  if (compilers.length > 0) {
    missing.push(
      `${compilers.join(' and ')}, to compile AWS's runtime client for Lambda once. Debian: apt-get install cmake make g++ xz-utils`,
    );
  }
  return missing;
}
