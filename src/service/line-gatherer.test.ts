import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryRows, nestedTypes, rowTypeOf, sampleTypes } from '../../test/arbitrary-rows.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { canonicalRow } from '../types/canonical-json.ts';
import { buildBatch } from '../types/column-builder.ts';
import { lineParser } from './json-lines.ts';
import { gatherSteps } from './line-gatherer.ts';

function schemaOf(fields: TableSchema['fields'], primaryKeys: readonly string[]): TableSchema {
  const rest = { version: 3, id: 0, highestFieldId: 1_000, partitionKeys: [], options: {}, timeMillis: 0, extra: {} };
  return { ...rest, fields, primaryKeys, comment: undefined };
}

async function* pieces(text: string | Uint8Array, bytesMax: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += bytesMax) yield bytes.subarray(at, at + bytesMax);
}

/** What comes of lines: each row's kind and text, marks, or the failure. */
async function gathered(schema: TableSchema, text: string | Uint8Array, bytesMax = 1_000): Promise<readonly string[]> {
  const out: string[] = [];
  try {
    for await (const step of gatherSteps(schema, 'd.t', pieces(text, bytesMax))) {
      if (step.kind === 'commit') out.push('commit');
      else {
        const print = canonicalRow(step.gathered.rows);
        for (const [row, kind] of step.gathered.kinds.entries()) out.push(`${kind} ${print(row)}`);
      }
    }
  } catch (error) {
    return [String(error)];
  }
  return out;
}

/** The same by the parser alone. */
function parsed(schema: TableSchema, text: string): readonly string[] {
  const parse = lineParser(schema, 'd.t');
  const out: string[] = [];
  try {
    for (const [index, line] of text.split('\n').entries()) {
      const op = parse(line, index + 1);
      if (op?.kind === 'commit') out.push('commit');
      if (op?.kind === 'row') {
        const print = canonicalRow(buildBatch({ fields: schema.fields }, [op.row]));
        out.push(`${op.kindByte} ${print(0)}`);
      }
    }
  } catch (error) {
    return [String(error)];
  }
  return out;
}

const types = [...sampleTypes, ...nestedTypes];
const wide = schemaOf(rowTypeOf(types).fields, ['c4']);

test('rows of every type are gathered as they are parsed, in pieces of any size', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryRows(types, 6), fc.integer({ min: 1, max: 4_000 }), async (rows, bytesMax) => {
      const print = canonicalRow(buildBatch({ fields: wide.fields }, rows));
      const text = rows.map((_, row) => `{"op":"+U","row":${print(row)}}\n`).join('');
      expect(await gathered(wide, text, bytesMax)).toEqual(parsed(wide, text));
    }),
    { numRuns: 60 },
  );
});

const notNull = { kind: 'varchar', length: 100, nullable: false } as const;
const small = schemaOf(
  rowTypeOf([{ kind: 'bigint', nullable: false }, notNull, { kind: 'int', nullable: true }]).fields.map(
    (field, at) => ({
      ...field,
      name: ['k', 'v', 'grün "n"'][at] ?? '',
    }),
  ),
  ['k'],
);

const good = '{"op":"+I","row":{"k":1,"v":"a"}}';
const odd: readonly string[] = [
  '{"op":"-D","row":{"k":"7"}}',
  '{"op":"-U","row":{"k":7,"v":null}}',
  '{"op":"-D","row":{"v":"x"}}',
  '{"op":"+I","row":{"v":"x"}}',
  '{"op":"+I","row":{"k":1}}',
  '{"op":"+I","row":{"k":1,"v":null}}',
  '{"op":"+I","row":{"k":1,"v":"a","w":2}}',
  '{"op":"+I","row":{"k":1,"k":2,"v":"a"}}',
  '{"op":"+I","row":{"v":"a","k":3}}',
  ' { "op" : "+U" , "row" : { "k" : 4 , "v" : "b" } } ',
  '\t{"op":"+I","row":{"k":1,"v":"a"}}\r',
  '{"op":" +I","row":{"k":1,"v":"a"}}',
  '{"op":"+I ","row":{"k":1,"v":"a"}}',
  '{"op":"+I","row":{" k":1,"v":"a"}}',
  '{"op":"+I","row":{"k":1,"v":"a"},"note":[1,{"x":"}"}]}',
  '{"row":{"k":1,"v":"a"},"op":"+I"}',
  '{"op":"+I","row":{"\\u006b":5,"v":"a"}}',
  '{"op":"+I","row":{"k":1,"v":"a","gr\\u00fcn \\"n\\"":6}}',
  '{"op":"+I","row":{"k":1,"v":"a","grün \\"n\\"":7.0}}',
  '{"op":"+I","row":{"k":1,"v":"\\ud83d\\ude00 \\n\\/"}}',
  '{"op":"+I","row":{"k":1,"v":"\\ud83d"}}',
  '{"op":"+I","row":{"k":1,"v":"a\tb"}}',
  '{"op":"+I","row":{"k":1,"v":"a}}',
  '{"op":"+I","row":{"k":1,"v":"a"}',
  '{"op":"+I","row":{"k":1,"v":"a"}}}',
  '{"op":"+I","row":{"k":1,"v":"a",}}',
  '{"op":"+I","row":{"k":1 "v":"a"}}',
  '{"op":"+I","row":{"k":01,"v":"a"}}',
  '{"op":"+I","row":{"k":-,"v":"a"}}',
  '{"op":"+I","row":{"k":+1,"v":"a"}}',
  '{"op":"+I","row":{"k":"+1","v":"a"}}',
  '{"op":"+I","row":{"k":9223372036854775808,"v":"a"}}',
  '{"op":"+I","row":{"k":-9223372036854775808,"v":"a"}}',
  '{"op":"+I","row":{"k":nul,"v":"a"}}',
  '{"op":"+I","row":{"k":[1,"]"],"v":"a"}}',
  '{"op":"+I","row":{"k":{"a":[1}],"v":"a"}}',
  '{"op":"+I","row":{}}',
  '{"op":"+I","row":null}',
  '{"op":"upsert","row":{"k":1,"v":"a"}}',
  '{"op":"commit"}',
  '{"op": "commit", "row":{}}',
  '',
  ' ',
  '[]',
  'null',
];

test.each(odd)('a line is read or refused as by the parser, alone and among others: %s', async line => {
  for (const text of [
    line,
    `${good}\n${line}`,
    `${good}\n\n${line}\n${good}\n`,
    `${line}\n{"op":"+I","row":{"k":1}}`,
  ]) {
    for (const schema of [small, schemaOf(small.fields, [])]) {
      expect(await gathered(schema, text), text).toEqual(parsed(schema, text));
      expect(await gathered(schema, text, 3), text).toEqual(parsed(schema, text));
    }
  }
});

test('of several bad lines the first is told, whatever is wrong with which column', async () => {
  const lines = [good, '{"op":"+I","row":{"k":2,"v":3}}', '{"op":"+I","row":{"k":"x","v":"a"}}'];
  expect(await gathered(small, lines.join('\n'))).toEqual([expect.stringContaining('line 2: column v ')]);
  expect(await gathered(small, lines.toReversed().join('\n'))).toEqual([expect.stringContaining('line 1: column k ')]);
});

test('a mark of the byte order is passed over before the first line, and is no JSON before another', async () => {
  expect(await gathered(small, `\ufeff${good}\n`)).toEqual(parsed(small, good));
  // However the input is cut, also right before the second line.
  for (const bytesMax of [1_000, good.length + 1, 3]) {
    expect(await gathered(small, `${good}\n\ufeff${good}\n`, bytesMax)).toEqual([
      expect.stringContaining('line 2: it is not JSON'),
    ]);
  }
});

test('bytes that are no UTF-8 are refused', async () => {
  const broken = Buffer.from(good.replace('"a"', '"\u00e9"')).fill(
    0xff,
    good.indexOf('"a"') + 1,
    good.indexOf('"a"') + 2,
  );
  expect(await gathered(small, broken)).toEqual([
    expect.stringContaining('line 1: it, or a line soon after, is not UTF-8'),
  ]);
});

test('usual lines between others are read like them, be they few or many', async () => {
  const rowAt = (k: number): string => `{"k":${k},"v":"${k % 7}"}`;
  for (const stretch of [1, 2, 31, 32, 33, 40, 500]) {
    const lines = Array.from({ length: 1_500 }, (_, k) =>
      k % (stretch + 1) === stretch ? `{"row":${rowAt(k)},"op":"+U"}` : `{"op":"+I","row":${rowAt(k)}}`,
    );
    expect(await gathered(small, lines.join('\n'), 20_000)).toEqual(parsed(small, lines.join('\n')));
    // A value that is wrong in the middle of a stretch.
    lines[700] = '{"op":"+I","row":{"k":"x","v":"a"}}';
    const [failure] = await gathered(small, lines.join('\n'), 20_000);
    expect([failure]).toEqual(parsed(small, lines.join('\n')));
    expect(failure).toContain('line 701: column k');
  }
});

test.each([0, 2, 50])('rows come in batches of at most 16,384 in order, each %s-th of another shape', async odd => {
  const count = 40_000;
  const lineAt = (k: number, row: string): string =>
    odd > 0 && k % odd === 1 ? `{"row":${row},"op":"+I"}\n` : `{"op":"+I","row":${row}}\n`;
  const text = Array.from({ length: count }, (_, k) => lineAt(k, `{"k":${k},"v":"${k % 7}"}`)).join('');
  const counts: number[] = [];
  let next = 0;
  for await (const step of gatherSteps(small, 'd.t', pieces(text, 100_000))) {
    if (step.kind === 'commit') continue;
    counts.push(step.gathered.rows.rowCount);
    const print = canonicalRow(step.gathered.rows);
    for (let row = 0; row < step.gathered.rows.rowCount; row += 1, next += 1) {
      if (!print(row).startsWith(`{"k":"${next}","v":"${next % 7}"`)) throw new Error(`row ${next} is ${print(row)}`);
    }
  }
  expect(next).toBe(count);
  expect(counts).toEqual([16_384, 16_384, 7_232]);
});
