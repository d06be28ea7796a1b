/** Tables for people, and that no value in them steers the terminal they are shown on. */
import { expect, test } from 'vitest';
import { cellsOf } from '../service/printed-rows.ts';
import { buildBatch } from '../types/column-builder.ts';
import { type DataType, lengthMax, type RowType } from '../types/data-type.ts';
import { printable } from './printable.ts';
import { textTable } from './text-table.ts';

/** Every character of 16 bits that a terminal acts on, or that turns text around. */
const steering = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;
const all = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit)).filter(char => steering.test(char));

const string: DataType = { kind: 'varchar', length: lengthMax, nullable: true };
const types: readonly (readonly [string, DataType])[] = [
  ['k', { kind: 'int', nullable: false }],
  ['v', string],
  ['l', { kind: 'array', element: string, nullable: true }],
];
const fields = types.map(([name, type], id) => ({ id, name, type, description: undefined, defaultValue: undefined }));
const rowType: RowType = { fields };

async function tableOf(rows: Parameters<typeof buildBatch>[1]): Promise<string> {
  async function* batches() {
    yield buildBatch(rowType, rows);
  }
  return (await Array.fromAsync(textTable(cellsOf(rowType, batches())))).join('');
}

test('numbers stand at the right, texts at the left, and long ones are cut', async () => {
  expect(
    await tableOf([
      [1, 'one', null],
      [20, 'x'.repeat(81), ['a']],
    ]),
  ).toBe(
    [` k  v${' '.repeat(79)}  l`, `--  ${'-'.repeat(80)}  -----`, ' 1  one', `20  ${'x'.repeat(79)}…  ["a"]`, ''].join(
      '\n',
    ),
  );
});

test('no character of a value, in a list or by itself, steers the terminal', async () => {
  expect(all.length).toBeGreaterThan(70);
  for (const char of all) {
    const text = await tableOf([[1, `a${char}[2Jb`, [`c${char}d`]]]);
    const lines = text.split('\n');
    expect(lines, JSON.stringify(char)).toHaveLength(4);
    expect(
      lines.filter(line => steering.test(line)),
      JSON.stringify(char),
    ).toEqual([]);
    expect(lines[2]).toMatch(/^1 {2}a\\.*\[2Jb +\["c\\.*d"\]$/);
  }
});

test('names of columns steer nothing either', async () => {
  async function* none() {}
  const cells = { columns: ['a\u001b[31m', 'b\u009b1m\n'], isNumber: [false, false], rows: none() };
  expect((await Array.fromAsync(textTable(cells))).join('')).toBe(
    'a\\u001b[31m  b\\u009b1m\\n\n-----------  -----------\n',
  );
});

test('of a line of JSON the meaning stays, and ends of lines stay where they are', () => {
  const line = `${JSON.stringify({ v: all.join('') })}\n`;
  const shown = printable(line);
  expect(steering.test(shown.replaceAll('\n', ''))).toBe(false);
  expect(JSON.parse(shown)).toEqual(JSON.parse(line));
  expect(printable('first\n\tsecond, ünï 🙂 👨‍👩‍👧')).toBe('first\n\tsecond, ünï 🙂 👨‍👩‍👧');
});
