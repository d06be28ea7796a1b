import { expect, test } from 'vitest';
import { writtenForm } from '../types/written-values.ts';
import { LineCutter } from './line-cutter.ts';

/** What is cut of a block of lines, as texts; null where there is no value. */
function cutAll(cutter: LineCutter, lines: string, columnCount: number): readonly (readonly (string | null)[])[] {
  const bytes = Buffer.from(lines);
  cutter.begin(bytes);
  cutter.cut({ rowsMax: 100, bytesMax: bytes.length });
  const columns = Array.from({ length: columnCount }, (_, index) => cutter.column(index));
  return Array.from({ length: cutter.rowCount }, (_, row) =>
    columns.map(({ starts, ends, forms }) =>
      forms[row] === writtenForm.none ? null : bytes.toString('utf8', starts[row], ends[row]),
    ),
  );
}

test('values are found where they stand, whatever their order, and it stops at a line of another shape', () => {
  const cutter = new LineCutter(['a', 'b'], 10);
  const lines = ['{"op":"+I","row":{"b":[1,"}"],"a":"x"}}', '', '{"op":"-D","row":{"a":-1.5e3}}', '{"op":"commit"}'];
  expect(cutAll(cutter, lines.join('\n'), 2)).toEqual([
    ['x', '[1,"}"]'],
    ['-1.5e3', null],
  ]);
  expect([cutter.lineCount, Buffer.from(cutter.takeLine()).toString()]).toEqual([3, lines[3]]);
});

test('a value that is not there takes no bytes, whatever stood in its place before', () => {
  const cutter = new LineCutter(['a', 'b'], 10);
  const long = JSON.stringify('x'.repeat(1_000));
  cutAll(cutter, `{"op":"+I","row":{"a":1,"b":${long}}}\n`, 2);
  expect(cutAll(cutter, '{"op":"+I","row":{"a":1}}\n{"op":"+I","row":{"b":null,"a":2}}\n', 2)).toEqual([
    ['1', null],
    ['2', null],
  ]);
  const { starts, ends } = cutter.column(1);
  expect([...ends].map((end, row) => end - (starts[row] ?? 0))).toEqual([0, 0]);
});
