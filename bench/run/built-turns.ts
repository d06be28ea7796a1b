/**
 * Our turns as users run us: bundled JavaScript, as `npm run build` makes it. Built anew whenever a bench begins, into .cache/bench.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../scripts/cache-folder.ts';

export const repositoryRoot: string = fileURLToPath(new URL('../../', import.meta.url));

/** @returns the path of a turn's main program. @param name of a file of bench/, without its ending */
export type BuiltTurns = (name: string) => string;

export function buildTurns(): BuiltTurns {
  const folder = join(repositoryRoot, '.cache', 'bench');
  rmSync(folder, { recursive: true, force: true });
  runProgram(process.execPath, [join(repositoryRoot, 'bench', 'run', 'build-turns.mjs'), folder], repositoryRoot);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n');
  return name => join(folder, 'bench', `${name}.js`);
}
