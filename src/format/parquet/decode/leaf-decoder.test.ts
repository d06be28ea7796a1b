import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodingsOf, type PageEncoding, type PageKind, writePages } from '../../../../test/parquet-pages.ts';
import { type Random, seededRandom } from '../../../base/random.ts';
import { bitAt } from '../../../types/column-buffers.ts';
import type { DataField } from '../../../types/data-type.ts';
import { parseType } from '../../type-text.ts';
import type { Annotation, PhysicalType, SchemaElement } from '../footer.ts';
import { type LeafPlan, planLeaf } from '../leaf-plan.ts';
import { decodePages } from '../mini-file.ts';
import type { Page } from '../page.ts';
import { type DecodedColumn, type ParquetCodec, parquetCodec } from '../wasm-door.ts';
import { decodeLeaf, pickLeaf } from './leaf-decoder.ts';

type Leaf = {
  readonly physical: PhysicalType;
  readonly type: string;
  readonly typeLength?: number;
  readonly annotation?: Annotation;
};

const decimal = (precision: number): Annotation => ({ kind: 'decimal', precision, scale: 0 });

const leaves: readonly Leaf[] = [
  { physical: 'boolean', type: 'BOOLEAN' },
  { physical: 'int32', type: 'INT' },
  { physical: 'int64', type: 'BIGINT' },
  { physical: 'int96', type: 'TIMESTAMP(9)' },
  { physical: 'float', type: 'FLOAT' },
  { physical: 'double', type: 'DOUBLE' },
  { physical: 'byte-array', type: 'STRING' },
  { physical: 'fixed-len-byte-array', type: 'BYTES', typeLength: 3 },
  { physical: 'fixed-len-byte-array', type: 'BYTES', typeLength: 20 },
  { physical: 'int32', type: 'DECIMAL(9, 0)', annotation: decimal(9) },
  { physical: 'int64', type: 'DECIMAL(18, 0)', annotation: decimal(18) },
  { physical: 'byte-array', type: 'DECIMAL(38, 0)', annotation: decimal(38) },
  { physical: 'fixed-len-byte-array', type: 'DECIMAL(10, 0)', typeLength: 5, annotation: decimal(10) },
  { physical: 'fixed-len-byte-array', type: 'DECIMAL(38, 0)', typeLength: 16, annotation: decimal(38) },
];

const widths: Readonly<Partial<Record<PhysicalType, number>>> = {
  boolean: 1,
  int32: 4,
  int64: 8,
  int96: 12,
  float: 4,
  double: 8,
};

type Shape = 'random' | 'few' | 'rising' | 'one';

type Case = {
  readonly leaf: Leaf;
  readonly encoding: number;
  readonly kind: PageKind;
  readonly rowCount: number;
  readonly pageRowsMax: number;
  readonly nullShare: number;
  readonly isOptional: boolean;
  readonly shape: Shape;
  readonly seed: number;
};

const cases: fc.Arbitrary<Case> = fc.record({
  leaf: fc.constantFrom(...leaves),
  encoding: fc.nat(3),
  kind: fc.constantFrom<PageKind[]>('data', 'data-v2', 'bit-packed-levels'),
  rowCount: fc.integer({ min: 1, max: 400 }),
  pageRowsMax: fc.integer({ min: 1, max: 400 }),
  nullShare: fc.constantFrom(0, 0.02, 0.5, 0.98, 1),
  isOptional: fc.boolean(),
  shape: fc.constantFrom<Shape[]>('random', 'few', 'rising', 'one'),
  seed: fc.nat(),
});

function elementOf({ physical, typeLength, annotation }: Leaf, isOptional: boolean): SchemaElement {
  const repetition = isOptional ? 'optional' : 'required';
  return { name: 'a', physical, typeLength, repetition, childCount: 0, fieldId: undefined, annotation };
}

function planOf(element: SchemaElement, { type }: Leaf): LeafPlan {
  const field: DataField = { id: 0, name: 'a', type: parseType(type), description: undefined, defaultValue: undefined };
  return planLeaf(element, field, 'test');
}

type Values = readonly (Uint8Array | null)[];

function valuesOf({ leaf, rowCount, nullShare, isOptional, shape, seed }: Case, random: Random): Values {
  let rising = BigInt(seed) - 5000n;
  const few = Array.from({ length: 1 + (seed % 20) }, () => randomValue(leaf, random));
  return Array.from({ length: rowCount }, () => {
    if (isOptional && random.next() < nullShare) return null;
    if (shape === 'one') return few[0] ?? null;
    if (shape === 'few') return few[Math.floor(random.next() * few.length)] ?? null;
    rising += BigInt(Math.floor(random.next() * 2 ** (seed % 50)));
    return shape === 'random' ? randomValue(leaf, random) : numberValue(leaf, rising);
  });
}

function randomValue(leaf: Leaf, random: Random): Uint8Array {
  const isDecimal = leaf.annotation !== undefined;
  const longest = isDecimal ? 16 : random.next() < 0.05 ? 300 : 30;
  const length = widthOf(leaf) ?? (isDecimal ? 1 : 0) + Math.floor(random.next() * longest);
  // Bytes of zeros and ones make the least and largest numbers.
  const pool = random.next() < 0.3 ? [0, 255, 128, 127] : undefined;
  const bytes = Uint8Array.from(
    { length },
    () => pool?.[Math.floor(random.next() * 4)] ?? Math.floor(random.next() * 256),
  );
  return leaf.physical === 'boolean' ? bytes.map(byte => byte & 1) : bytes;
}

function numberValue(leaf: Leaf, value: bigint): Uint8Array {
  const text = Buffer.from(`${leaf.annotation === undefined ? 'value ' : ''}${value}`.slice(0, 16));
  const length = widthOf(leaf) ?? text.length;
  if (leaf.physical === 'byte-array') return new Uint8Array(text);
  const bytes = Uint8Array.from({ length }, (_, index) => Number((value >> BigInt(index * 8)) & 0xffn));
  return leaf.physical === 'boolean' ? bytes.map(byte => byte & 1) : bytes;
}

function widthOf({ physical, typeLength }: Leaf): number | undefined {
  return typeLength ?? widths[physical];
}

/** Each row's bytes as they are decoded; null for a null. */
function rowsOf({ length, nullBitmap, valueOffsets, values }: DecodedColumn, { layout }: LeafPlan): readonly string[] {
  const hex = (start: number, end: number): string => Buffer.from(values.subarray(start, end)).toString('hex');
  return Array.from({ length }, (_, row) => {
    if (nullBitmap !== undefined && bitAt(nullBitmap, row) === 0) return 'null';
    if (layout === 'bits') return `0${bitAt(values, row)}`;
    if (layout === 'offsets') return hex(valueOffsets?.[row] ?? 0, valueOffsets?.[row + 1] ?? 0);
    return hex(row * layout, (row + 1) * layout);
  });
}

/** As `rowsOf`, from the values that were written. */
function expectedRows({ annotation, physical }: Leaf, values: Values): readonly string[] {
  return values.map(value => {
    if (value === null) return 'null';
    if (annotation === undefined) return Buffer.from(value).toString('hex');
    const isLittle = physical === 'int32' || physical === 'int64';
    const digits = Buffer.from(isLittle ? value.toReversed() : value).toString('hex');
    const wide = BigInt.asUintN(128, BigInt.asIntN(value.length * 8, BigInt(`0x${digits}`)));
    return Buffer.from(wide.toString(16).padStart(32, '0'), 'hex').reverse().toString('hex');
  });
}

function wasmRows(wasm: ParquetCodec, plan: LeafPlan, pages: readonly Page[], rowCount: number): readonly string[] {
  const rows: string[] = [];
  const toColumn: LeafPlan['toColumn'] = decoded => {
    rows.push(...rowsOf(decoded, plan));
    return plan.toColumn(decoded);
  };
  decodePages(wasm, { plan: { ...plan, toColumn }, codec: 'none', pages, unpacked: [] }, rowCount);
  return rows;
}

function pagesOf(of: Case): { readonly plan: LeafPlan; readonly values: Values; readonly pages: readonly Page[] } {
  const random = seededRandom(of.seed);
  const element = elementOf(of.leaf, of.isOptional);
  const values = valuesOf(of, random);
  const encodings = encodingsOf(element);
  const encoding: PageEncoding = encodings[of.encoding % encodings.length] ?? 'plain';
  const pages = writePages({ element, values, encoding, kind: of.kind, pageRowsMax: of.pageRowsMax }, random);
  return { plan: planOf(element, of.leaf), values, pages };
}

test('pages of every type and encoding give the values that were written, and those of the wasm', async () => {
  const wasm = await parquetCodec();
  fc.assert(
    fc.property(cases, of => {
      const { plan, values, pages } = pagesOf(of);
      const decoded = decodeLeaf(plan, pages, values.length);
      const rows = rowsOf(decoded, plan);
      expect(rows).toEqual(expectedRows(of.leaf, values));
      expect(decoded.nullCount).toBe(values.filter(value => value === null).length);
      expect(decoded.nullBitmap === undefined).toBe(decoded.nullCount === 0);
      // Levels in the older form are read by the wasm from the wrong end of each byte (parquet-mr: Packer.BIG_ENDIAN).
      if (of.kind !== 'bit-packed-levels') expect(rows).toEqual(wasmRows(wasm, plan, pages, values.length));
    }),
    { numRuns: 500 },
  );
});

test('any run of whole pages is decoded by itself, after the dictionary', () => {
  fc.assert(
    fc.property(cases, fc.nat(), fc.nat(), (of, from, length) => {
      const { plan, values, pages } = pagesOf(of);
      const dictionary = pages.filter(page => page.kind === 'dictionary');
      const dataPages = pages.slice(dictionary.length);
      const start = from % dataPages.length;
      const taken = dataPages.slice(start, start + 1 + (length % dataPages.length));
      const firstRow = start * of.pageRowsMax;
      const rows = values.slice(firstRow, firstRow + taken.length * of.pageRowsMax);
      const decoded = decodeLeaf(plan, [...dictionary, ...taken], rows.length);
      expect(rowsOf(decoded, plan)).toEqual(expectedRows(of.leaf, rows));
    }),
    { numRuns: 200 },
  );
});

/** Rows of so many: each with the chance given, and one at the least. */
function someOf(rowCount: number, share: number, random: Random): Uint32Array {
  const rows = Array.from({ length: rowCount }, (_, row) => row).filter(() => random.next() < share);
  return Uint32Array.from(rows.length > 0 ? rows : [rowCount - 1]);
}

test('rows picked out of pages are those of the decoded pages', () => {
  fc.assert(
    fc.property(cases, fc.constantFrom(0, 0.05, 0.5, 1), (of, share) => {
      const { plan, values, pages } = pagesOf(of);
      const rows = someOf(values.length, share, seededRandom(of.seed));
      const picked = pickLeaf(plan, { pages, rowCount: values.length }, rows);
      const all = expectedRows(of.leaf, values);
      expect(rowsOf(picked, plan)).toEqual(Array.from(rows, row => all[row]));
      expect(picked.nullCount).toBe(rows.filter(row => values[row] === null).length);
      expect(picked.nullBitmap === undefined).toBe(picked.nullCount === 0);
    }),
    { numRuns: 1_000 },
  );
});

/** As `outcomeOf`, of some rows. */
function pickedOutcomeOf(plan: LeafPlan, pages: readonly Page[], rowCount: number, rows: Uint32Array): unknown {
  try {
    return rowsOf(pickLeaf(plan, { pages, rowCount }, rows), plan);
  } catch (error) {
    if (error instanceof RangeError) return 'broken';
    throw error;
  }
}

/** The rows, or that the values were found broken; any other failure fails the test. */
function outcomeOf(plan: LeafPlan, pages: readonly Page[], rowCount: number): readonly string[] | 'broken' {
  try {
    const decoded = decodeLeaf(plan, pages, rowCount);
    expect(decoded.length).toBe(rowCount);
    const ends = [...(decoded.valueOffsets ?? [])];
    expect(ends).toEqual(ends.toSorted((a, b) => a - b));
    expect(ends.at(-1) ?? 0).toBeLessThanOrEqual(decoded.values.length);
    return rowsOf(decoded, plan);
  } catch (error) {
    if (error instanceof RangeError) return 'broken';
    throw error;
  }
}

/** The page in a buffer that goes on behind it with these bytes. */
function followedBy(page: Page, filler: number): Page {
  const bytes = new Uint8Array(page.body.length + 64).fill(filler);
  bytes.set(page.body, 3);
  return { ...page, body: bytes.subarray(3, 3 + page.body.length) };
}

test('broken pages are refused or read, and nothing that lies behind a page is', () => {
  const outcomes = { broken: 0, read: 0 };
  fc.assert(
    fc.property(cases, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }), (of, changes) => {
      const { plan, values, pages } = pagesOf(of);
      const changed = pages.map((page, index) => {
        const body = page.body.slice();
        for (const [at, byte] of changes) if (at % pages.length === index) body[at % Math.max(1, body.length)] = byte;
        return { ...page, body: body.subarray(0, (changes.length & 1) === 0 ? body.length : body.length - 1) };
      });
      const alone = outcomeOf(plan, changed, values.length);
      const rows = someOf(values.length, 0.1, seededRandom(of.seed));
      const pickedAlone = pickedOutcomeOf(plan, changed, values.length, rows);
      if (alone !== 'broken') expect(pickedAlone).toEqual(Array.from(rows, row => alone[row]));
      for (const filler of [0, 1, 0xff]) {
        const padded = changed.map(page => followedBy(page, filler));
        expect(outcomeOf(plan, padded, values.length)).toEqual(alone);
        expect(pickedOutcomeOf(plan, padded, values.length, rows)).toEqual(pickedAlone);
      }
      outcomes[alone === 'broken' ? 'broken' : 'read'] += 1;
    }),
    { numRuns: 1_000 },
  );
  expect(Math.min(outcomes.broken, outcomes.read)).toBeGreaterThan(50);
});

test('rows that the pages do not have, and values longer than their page, are refused before there is room for them', () => {
  const leaf: Leaf = { physical: 'int64', type: 'BIGINT' };
  const element = elementOf(leaf, false);
  const plan = planOf(element, leaf);
  const values = [new Uint8Array(8)];
  const write = { element, values, encoding: 'plain', kind: 'data', pageRowsMax: 9 } as const;
  const [page] = writePages(write, seededRandom(1));
  if (page === undefined) throw new Error('a page');
  expect(() => decodeLeaf(plan, [page], 2)).toThrow('1 rows in its pages, not 2');
  expect(() => decodeLeaf(plan, [{ ...page, valueCount: 2 ** 24 }], 2 ** 24)).toThrow(
    '16777216 values of 8 bytes in 8',
  );
  expect(() => decodeLeaf(plan, [{ ...page, encoding: 4 }], 1)).toThrow('int64 values in encoding 4');
});

test('few bytes that stand for more texts than a column may take are refused', () => {
  const leaf: Leaf = { physical: 'byte-array', type: 'STRING' };
  const element = elementOf(leaf, false);
  const plan = planOf(element, leaf);
  const values = Array.from({ length: 1025 }, () => new Uint8Array(2 ** 20));
  const write = { element, values, encoding: 'dictionary', kind: 'data', pageRowsMax: 2_000 } as const;
  const pages = writePages({ ...write, values: values.slice(0, 20) }, seededRandom(1));
  expect(decodeLeaf(plan, pages, 20).values.length).toBe(20 * 2 ** 20);
  const dictionary = pages.slice(0, 1);
  // A run of 1025 times the first place, of width 0.
  const body = Uint8Array.of(0, 0x82, 0x10);
  const many = { ...pages[1], body, plainBytes: body.length, valueCount: 1025 } as Page;
  expect(() => decodeLeaf(plan, [...dictionary, many], 1025)).toThrow('values of 1074790400 bytes in one column');
});

test('a dictionary that is not plain is refused, also where few values of it are picked', () => {
  for (const leaf of [
    { physical: 'int64', type: 'BIGINT' },
    { physical: 'byte-array', type: 'STRING' },
  ] as const) {
    const element = elementOf(leaf, false);
    const plan = planOf(element, leaf);
    const values = Array.from({ length: 9 }, () => new Uint8Array(8));
    const write = { element, values, encoding: 'dictionary', kind: 'data', pageRowsMax: 9 } as const;
    const pages = writePages(write, seededRandom(1)).map(page =>
      page.kind === 'dictionary' ? { ...page, encoding: 5 } : page,
    );
    expect(() => decodeLeaf(plan, pages, 9)).toThrow('a dictionary in encoding 5');
    expect(() => pickLeaf(plan, { pages, rowCount: 9 }, Uint32Array.of(3))).toThrow('a dictionary in encoding 5');
  }
});
