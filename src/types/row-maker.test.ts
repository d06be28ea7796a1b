import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loopedMaker, rowMaker, type ValueReader } from './row-maker.ts';

const many = 10_000;

function readersOf(count: number): readonly ValueReader[] {
  return Array.from({ length: count }, (_, index) => row => ((row + index) % 3 === 0 ? null : `${index} of ${row}`));
}

/** Rows of many are as rows of few, property by property, in order. */
function expectSame(names: readonly string[]): void {
  const readers = readersOf(names.length);
  const rowOf = rowMaker(names, readers, many);
  const twin = loopedMaker(names)(readers);
  for (const row of [0, 1, 7, many - 1]) {
    expect(Object.entries(rowOf(row))).toEqual(Object.entries(twin(row)));
    expect(Object.getPrototypeOf(rowOf(row))).toBe(Object.prototype);
  }
}

test('rows of usual names are made as in a loop', () => {
  expectSame(['id', 'b1', 'naïve', '日本', 'a-b', '_KEY_id', 'constructor', 'class', '7', '3', 'r0', 'row', '__proto']);
  expectSame([]);
  expectSame(Array.from({ length: 300 }, (_, index) => `c${index}`));
});

test('names that would be code are none', () => {
  const bad = [
    '"',
    '"]',
    '\\',
    '\\u0022',
    '"}), globalThis.broken = 1, ({"',
    '\n',
    '\u2028',
    '`',
    '${',
    '*/',
    ' ',
    '',
    '\ud800',
  ];
  for (const name of [...bad, '__proto__', 'toString', 'hasOwnProperty', 'a b', 'a.b']) expectSame(['id', name]);
  expect(Reflect.has(globalThis, 'broken')).toBe(false);
});

test('any names', () => {
  const character = fc.constantFrom(...'ab1_-"\'\\{}()[]`$;,:/\n é本');
  const name = fc.oneof(fc.string({ unit: character, maxLength: 6 }), fc.string({ unit: 'binary', maxLength: 4 }));
  fc.assert(fc.property(fc.uniqueArray(name, { maxLength: 8 }), expectSame), { numRuns: 300 });
});

test('more shapes than are kept', () => {
  for (let turn = 0; turn < 600; turn += 1) {
    const rowOf = rowMaker([`t${turn % 400}`, 'x'], readersOf(2), many);
    expect(Object.keys(rowOf(1))).toEqual([`t${turn % 400}`, 'x']);
  }
});

test('names of one list do not run into those of another', () => {
  expectSame(['a', 'b']);
  expectSame(['a b']);
  expectSame(['ab']);
});

test('a process that makes no code of strings gets the same rows', () => {
  const file = new URL('./row-maker.ts', import.meta.url).href;
  const program = `import { rowMaker } from '${file}'; console.log(JSON.stringify(rowMaker(['a', 'b'], [r => r, r => r + 1], ${many})(5)));`;
  const flags = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', program];
  expect(JSON.parse(execFileSync(process.execPath, flags, { encoding: 'utf8' }))).toEqual({ a: 5, b: 6 });
});
