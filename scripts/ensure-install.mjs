// Installs the locked dependencies when they are missing or not those of this lock file.
// Plain Node 20 syntax and only node: imports: it runs on whatever Node the machine has, and afterwards npm scripts
// find the pinned Node (npm package `node`) first on PATH.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stampFile = join(root, 'node_modules', '.tidelake-install');
const pinnedNode = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

const hash = createHash('sha256');
for (const name of ['package-lock.json', 'package.json']) hash.update(readFileSync(join(root, name)));
const stamp = `${hash.digest('hex')} ${process.platform} ${process.arch}`;

const installed = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp && existsSync(pinnedNode);
if (!installed) {
  console.error('tidelake: installing the locked dependencies (once, about half a minute) …');
  // npm's own output goes to stderr, so that stdout of a command stays clean.
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const result = spawnSync(npm, ['ci', '--no-audit', '--no-fund'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) {
    console.error(
      'tidelake: `npm ci` failed; its messages are above. Check the network to the npm registry and try again.',
    );
    process.exit(1);
  }
  const probe = spawnSync(pinnedNode, ['--version'], { encoding: 'utf8' });
  if (probe.status !== 0) {
    console.error(
      `tidelake: the pinned Node at ${pinnedNode} does not start. Its install script may have been blocked: ` +
        'run `npm rebuild node` and try again.',
    );
    process.exit(1);
  }
  writeFileSync(stampFile, stamp);
  console.error(`tidelake: installed, Node ${probe.stdout.trim()}`);
}
