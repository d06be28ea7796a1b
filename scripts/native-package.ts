/**
 * A package of npm with native code for a machine that is not this one: npm installs only what fits here, and functions are
 * deployed to others. It comes from the registry on demand, in the version and with the hash that the lock names.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedFolder, runProgram } from './cache-folder.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

type Locked = { readonly version: string; readonly integrity: string };

/**
 * The package's folder: the installed one, or one that is fetched once and kept.
 *
 * @throws Error when the lock does not name the package, or what comes is not what the lock says
 */
export function nativeFolder(packageName: string): string {
  const installed = join(root, 'node_modules', packageName);
  if (existsSync(join(installed, 'package.json'))) return installed;
  const { version, integrity } = lockedPackage(packageName);
  const folder = cachedFolder(`${packageName.replace(/[@/]+/g, '-').replace(/^-/, '')}-${version}`, into => {
    runProgram('npm', ['pack', `${packageName}@${version}`, '--silent', '--pack-destination', into], into);
    const [archive] = readdirSync(into).filter(name => name.endsWith('.tgz'));
    if (archive === undefined) throw new Error(`npm gave no archive of ${packageName}@${version}`);
    checkIntegrity(packageName, readFileSync(join(into, archive)), integrity);
    mkdirSync(join(into, 'unpacked'));
    runProgram('tar', ['-xzf', join(into, archive), '-C', join(into, 'unpacked'), '--strip-components=1']);
  });
  return join(folder, 'unpacked');
}

/** @param integrity as npm writes it: algorithm, hyphen, base64 */
function checkIntegrity(packageName: string, archive: Uint8Array, integrity: string): void {
  const [algorithm = '', expected] = integrity.split(/-(.*)/s);
  const found = createHash(algorithm).update(archive).digest('base64');
  if (found !== expected) throw new Error(`${packageName} is not what package-lock.json says: ${algorithm} ${found}`);
}

function lockedPackage(packageName: string): Locked {
  const lock: { readonly packages: Readonly<Record<string, Partial<Locked>>> } = JSON.parse(
    readFileSync(join(root, 'package-lock.json'), 'utf8'),
  );
  const { version, integrity } = lock.packages[`node_modules/${packageName}`] ?? {};
  if (version === undefined || integrity === undefined) throw new Error(`package-lock.json has no ${packageName}`);
  return { version, integrity };
}
