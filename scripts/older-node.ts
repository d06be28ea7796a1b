/** The oldest Node that what is deployed must run on, fetched on demand: sources here need a newer one, bundles do not. */
import { join } from 'node:path';
import { cachedFolder, npmInstall } from './cache-folder.ts';

const version = '22.23.3';

/** Path of its program. @throws Error when the registry has none for this machine */
export function olderNode(): string {
  const packageName = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const folder = cachedFolder(`${packageName}-${version}`, into => npmInstall(into, { [packageName]: version }));
  return join(folder, 'node_modules', packageName, 'bin', 'node');
}
