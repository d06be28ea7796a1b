/** Who takes part, and how a turn of each is started. What a contestant needs is fetched and built the first time. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { builtClassPath } from '../../test/interop/java-build.ts';
import { paimonVersions } from '../../test/interop/paimon-build.ts';
import { pypaimonFolder, pypaimonPackages } from '../../test/interop/pypaimon.ts';
import { type BuiltTurns, repositoryRoot } from './built-turns.ts';
import { commitNow } from './machine.ts';
import type { Command } from './turn.ts';

export const peers = ['paimon', 'pypaimon', 'duckdb', 'pyarrow'] as const;

export type Peer = (typeof peers)[number];

export type Contestant = 'tidelake' | Peer;

/** The heap that test/interop's judge of Paimon has as well; all else of the JVM as it comes. */
const jvmFlags: readonly string[] = ['-Xshare:auto', '-Xmx2g', '-Duser.timezone=UTC'];

export function isPeer(name: string): name is Peer {
  return (peers as readonly string[]).includes(name);
}

export function commandOf(contestant: Contestant, turns: BuiltTurns): Command {
  switch (contestant) {
    case 'tidelake':
      return { program: process.execPath, args: [turns('turns/main')] };
    case 'paimon':
      return { program: 'java', args: [...jvmFlags, '-cp', paimonBenchClassPath(), 'Bench'] };
    case 'duckdb':
      return { program: process.execPath, args: [turns('peers/duckdb')] };
    case 'pypaimon':
    case 'pyarrow': {
      const script = join(repositoryRoot, 'bench', 'peers', `${contestant}_turn.py`);
      return { program: 'python3', args: [script], env: { PYTHONPATH: pypaimonFolder(), PYTHONUTF8: '1' } };
    }
  }
}

export function versionOf(contestant: Contestant): string {
  switch (contestant) {
    case 'tidelake':
      return commitNow(repositoryRoot);
    case 'paimon':
      return paimonVersions[0];
    case 'duckdb':
      return duckDbVersion();
    case 'pypaimon':
    case 'pyarrow':
      return pypaimonPackages.find(name => name.startsWith(`${contestant}==`))?.split('==')[1] ?? 'unknown';
  }
}

function paimonBenchClassPath(): string {
  const folder = join(repositoryRoot, 'bench', 'peers', 'paimon');
  const sources = readdirSync(folder)
    .toSorted()
    .map(name => join(folder, name));
  const [version] = paimonVersions;
  const pom = join(repositoryRoot, 'test', 'interop', 'java', 'pom.xml');
  return builtClassPath({ name: 'paimon', version, pom, properties: [`-Dpaimon.version=${version}`], sources });
}

function duckDbVersion(): string {
  const path = createRequire(import.meta.url).resolve('@duckdb/node-api/package.json');
  const { version }: { version: string } = JSON.parse(readFileSync(path, 'utf8'));
  return version;
}
