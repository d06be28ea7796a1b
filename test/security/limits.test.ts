/**
 * The table of limits in SECURITY.md, row by row: what is just under a limit is taken, what is just over it is refused with
 * the code that the table names. Where the real size is too large for a test, a small one takes its place, and what the
 * product passes is looked at.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { packageSources, type Trials } from './limit-tools.ts';
import { fileTrials } from './limit-trials-files.ts';
import { groupTrials } from './limit-trials-groups.ts';
import { httpTrials } from './limit-trials-http.ts';
import { objectLogTrials } from './limit-trials-log.ts';
import { nestedTrials } from './limit-trials-nested.ts';
import { sqlTrials } from './limit-trials-sql.ts';

const security = readFileSync(new URL('../../SECURITY.md', import.meta.url), 'utf8');

type Row = { readonly input: string; readonly codes: readonly string[]; readonly constants: readonly string[] };

/** The rows of the table under "Limits". */
const rows: readonly Row[] = (security.split('\n## Limits\n')[1]?.split('\n## ')[0] ?? '')
  .split('\n')
  .filter(line => line.startsWith('| ') && !line.startsWith('| input'))
  .map(line => {
    const [, input = '', , codes = '', names = ''] = line.split('|').map(cell => cell.trim());
    const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    return { input, codes: quoted(codes), constants: quoted(names) };
  });

const trials: Trials = {
  ...sqlTrials,
  ...httpTrials,
  ...fileTrials,
  ...objectLogTrials,
  ...nestedTrials,
  ...groupTrials,
};

test('every constant that the table of limits names is one of the product, and is tried', () => {
  expect(rows.length).toBeGreaterThan(20);
  const named = rows.flatMap(row => row.constants);
  const declared = named.filter(name =>
    packageSources.some(text => new RegExp(`^(?:export )?const ${name}\\b`, 'm').test(text)),
  );
  expect(named.filter(name => !declared.includes(name))).toEqual([]);
  expect(rows.filter(row => row.constants.length === 0).map(row => row.input)).toEqual([]);
  expect(rows.filter(row => row.codes.length === 0).map(row => row.input)).toEqual([]);
  expect(named.toSorted()).toEqual(Object.keys(trials).toSorted());
});

test('every code that the table of limits names is one of the product', () => {
  const codes = rows.flatMap(row => row.codes).filter(code => !code.endsWith('…'));
  expect(codes.filter(code => !packageSources.some(text => text.includes(`'${code}'`)))).toEqual([]);
});

test('whatever is fetched whole from a store is fetched with a limit', () => {
  const fetches = packageSources.flatMap(text => [
    ...text.matchAll(/(?:[sS]tore|root)\.get\((?:`[^`]*`|[^()`]|\([^()]*\))*\)/g),
  ]);
  expect(fetches.length).toBeGreaterThan(25);
  expect(fetches.map(([call]) => call).filter(call => !/\bbytesMax\b/.test(call))).toEqual([]);
});

test.each(Object.entries(trials))('%s: just under is taken, just over is refused with its code', async (_, run) => {
  await run();
});
