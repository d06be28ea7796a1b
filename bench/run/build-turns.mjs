// Bundles the turns as the package is, so that they load what a program that imports `tidelake` does: our turns and the SDK
// together, DuckDB's by itself.
//
//   node bench/run/build-turns.mjs FOLDER
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleForNode } from '../../scripts/build-package.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [folder = join(root, '.cache', 'bench')] = process.argv.slice(2);

const sdk = join(root, 'src', 'index.ts');
const turns = join(root, 'bench', 'turns', 'main.ts');
await bundleForNode({ entries: { 'bench/turns/main': turns, sdk }, core: 'sdk', out: folder });
for (const name of readdirSync(join(root, 'bench', 'peers')).filter(file => file.endsWith('.ts'))) {
  const peer = join(root, 'bench', 'peers', name);
  const entry = `bench/peers/${name.replace(/\.ts$/, '')}`;
  await bundleForNode({ entries: { [entry]: peer }, core: entry, out: folder });
}
