// Builds the S3 servers of the integration tests, MinIO and versitygw, once into the cache folder. They are taken through Go
// because that is the one way to get exactly these versions everywhere; what is on PATH or built already is left alone.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheFolder, howItEnded } from './cache-folder.ts';

const goMinorMin = 24;
const buildMsMax = 30 * 60_000;
const services = [
  {
    name: 'minio',
    module: 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c',
    effort: 'about 5 minutes and 1.5 GB of memory',
  },
  { name: 'versitygw', module: 'github.com/versity/versitygw/cmd/versitygw@v1.8.0', effort: 'about 2 minutes' },
];
const binFolder = join(cacheFolder, 'bin');

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where a program is, on PATH or in the cache folder. */
function find(name) {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter).filter(folder => folder !== ''), binFolder];
  return folders.map(folder => join(folder, name)).find(isExecutable);
}

/** @returns a line saying what is wrong with Go, or undefined */
function goFault() {
  const result = spawnSync('go', ['version'], { encoding: 'utf8' });
  const version = /go1\.(\d+)\S*/.exec(result.stdout ?? '');
  if (version !== null && Number(version[1]) >= goMinorMin) return undefined;
  const found = version === null ? 'there is no `go` on PATH' : `this is ${version[0]}`;
  return (
    `Go 1.${goMinorMin} or newer is needed to build them, and ${found}. Install it from https://go.dev/dl (Debian's own is too ` +
    `old), or put the programs on PATH or into ${binFolder}.`
  );
}

/** Builds into a folder of its own, so that the name in the cache only ever stands for a whole program. */
function build(service) {
  mkdirSync(binFolder, { recursive: true });
  const folder = mkdtempSync(join(cacheFolder, 'build-'));
  try {
    console.error(`services: building ${service.module}, once; it takes ${service.effort} …`);
    const result = spawnSync('go', ['install', service.module], {
      env: { ...process.env, GOBIN: folder, CGO_ENABLED: '0' },
      stdio: ['ignore', 2, 2],
      timeout: buildMsMax,
    });
    // At the end of the time `go` is killed; what it has compiled is kept, and the next run goes on from there.
    if (result.status !== 0) {
      console.error(
        `services: \`go install ${service.module}\` failed (${howItEnded(result)}); its messages are above.`,
      );
      return false;
    }
    renameSync(join(folder, service.name), join(binFolder, service.name));
    return true;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const missing = services.filter(service => find(service.name) === undefined);
for (const service of services) {
  const path = find(service.name);
  if (path !== undefined) console.error(`services: ${service.name} is at ${path}`);
}
const fault = missing.length === 0 ? undefined : goFault();
if (fault !== undefined) {
  console.error(`services: ${missing.map(service => service.name).join(' and ')} are missing. ${fault}`);
  process.exit(1);
}
for (const service of missing) if (!build(service)) process.exit(1);
