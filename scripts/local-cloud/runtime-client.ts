/**
 * AWS's own runtime interface client for Node, the program that Lambda runs a function with: fetched and compiled once, on
 * demand, into the cache folder. It takes about half a minute, and cmake, make and a C++ compiler.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { cachedFolder, npmInstall } from '../cache-folder.ts';

const version = '4.0.2';
/** Whose C headers it is compiled with; what comes out runs on every later Node too. */
const headersVersion = '22.23.3';
const compilers = ['cmake', 'make', 'g++'] as const;

/** Path of its program. @throws Error that says what is missing */
export function runtimeClient(): string {
  const folder = cachedFolder(`aws-lambda-ric-${version}-${process.platform}-${process.arch}`, fill);
  return join(folder, 'node_modules', 'aws-lambda-ric', 'index.mjs');
}

function fill(folder: string): void {
  if (process.platform !== 'linux') {
    throw new Error(
      `the local cloud runs on Linux: AWS's runtime interface client is not made for ${process.platform}. ` +
        'On another system run it in a Linux machine or container.',
    );
  }
  const missing = compilers.filter(name => spawnSync(name, ['--version']).status !== 0);
  if (missing.length > 0) {
    throw new Error(
      `AWS's runtime interface client is compiled once, and for that ${missing.join(' and ')} ` +
        `${missing.length === 1 ? 'is' : 'are'} missing. Debian: apt-get install cmake make g++`,
    );
  }
  // Otherwise node-gyp fetches headers from nodejs.org, which a machine with a package registry alone cannot reach.
  const headers = `node-linux-${process.arch}`;
  const headersFolder = cachedFolder(`${headers}-${headersVersion}`, into =>
    npmInstall(into, { [headers]: headersVersion }),
  );
  const nodeFolder = join(headersFolder, 'node_modules', headers);
  npmInstall(folder, { 'aws-lambda-ric': version }, { env: { ...process.env, npm_config_nodedir: nodeFolder } });
}
