/** spec/PROTOCOL.md says what the model checks, and names guards and tests that there are. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesBelow, repositoryRoot } from '../test/source-text.ts';
import { guards } from './guards.ts';

const protocol = readFileSync(join(repositoryRoot, 'spec/PROTOCOL.md'), 'utf8');
/** Cells of the table rows whose first cell matches. */
function rowsOf(first: RegExp): readonly (readonly string[])[] {
  const cells = protocol
    .split('\n')
    .filter(line => line.startsWith('| '))
    .map(line => line.slice(2, -2).split(' | '));
  return cells.filter(([cell]) => cell !== undefined && first.test(cell.trim()));
}
const rules = rowsOf(/^[SCRLIA]\d+$/);

test('every invariant that a world checks is in the table, and every one in the table is checked', () => {
  const text = filesBelow('spec')
    .filter(path => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map(path => readFileSync(join(repositoryRoot, path), 'utf8'))
    .join('\n');
  const checked = new Set([...text.matchAll(/['`](P\d+)[:' (]/g)].map(match => match[1]));
  const listed = rowsOf(/^P\d+$/).map(([number]) => number);
  expect(listed.toSorted()).toEqual([...checked].toSorted());
});

test('every guard is in the table at its rule, and none that is not there', () => {
  const listed = rules.flatMap(([, , names]) => names?.split('; ') ?? []).filter(name => /^[A-Z]\d/.test(name));
  expect(listed.toSorted()).toEqual(guards.map(({ name }) => name).toSorted());
});

test('every rule names invariants of the table and tests that there are', () => {
  const known = new Set(rowsOf(/^P\d+$/).map(([number]) => number));
  expect(rules.length).toBeGreaterThan(20);
  for (const [rule, invariants = '', , tests = ''] of rules) {
    for (const number of invariants.split(' ').filter(part => part !== '–'))
      expect(known, `${rule}: ${number}`).toContain(number);
    const paths = [...tests.matchAll(/`([^`]+)`/g)].map(([, path]) => path ?? '');
    expect(paths.length, rule).toBeGreaterThan(0);
    expect(paths.filter(path => !existsSync(join(repositoryRoot, path)))).toEqual([]);
  }
});

test('a rule of the protocol that a test is named after is in the table', () => {
  const cited = new Set<string>();
  for (const path of filesBelow('src').filter(name => name.endsWith('.test.ts'))) {
    const text = readFileSync(join(repositoryRoot, path), 'utf8');
    for (const [, rule] of text.matchAll(/test\('([SCRLIA]\d+)\b/g)) cited.add(rule ?? '');
  }
  const listed = new Set(rules.map(([rule]) => rule));
  expect(cited.size).toBeGreaterThan(5);
  expect([...cited].filter(rule => !listed.has(rule))).toEqual([]);
});
