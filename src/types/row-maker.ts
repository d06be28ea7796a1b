/**
 * Makes the object of a row out of one reader for each of its columns, in one of two ways:
 *
 * - **written out**: a function `row => ({ "id": r0(row), "name": r1(row) })`, compiled once for each list of names. The engine
 *   knows the object's shape and each reader's place; a loop over names knows neither, and takes three times as long.
 * - **in a loop**: for few rows, for names of which none becomes code (below), and where the process forbids code from strings
 *   (`--disallow-code-generation-from-strings`).
 *
 * Names come out of a table's files, which are not trusted: code is made only of names that are letters, digits, `_` and `-`
 * throughout, between quotation marks. Nothing else of a table is in it.
 */

export type ValueReader = (row: number) => unknown;
export type RowObject = Record<string, unknown>;
type RowMaker = (readers: readonly ValueReader[]) => (row: number) => RowObject;

/** For fewer rows, compiling takes longer than it saves. */
const compiledRowsMin = 512;
const compiledColumnsMax = 128;
/** Lists of names whose function is kept; one more, and all are made anew. */
const keptMax = 256;

const plainName = /^[\p{L}\p{N}_-]{1,255}$/u;

const kept = new Map<string, RowMaker>();

/** Gives rows, `rowCount` of them in all, as objects with these names. @param readers one for each name */
export function rowMaker(
  names: readonly string[],
  readers: readonly ValueReader[],
  rowCount: number,
): (row: number) => RowObject {
  const compiled = rowCount < compiledRowsMin ? undefined : compiledMaker(names);
  return (compiled ?? loopedMaker(names))(readers);
}

/** The twin of what is compiled: copies of one empty row, so that all have one shape. */
export function loopedMaker(names: readonly string[]): RowMaker {
  const empty: RowObject = Object.fromEntries(names.map(name => [name, null]));
  return readers => {
    const columns = readers.map((read, index) => ({ name: names[index] ?? '', read }));
    return row => {
      const object = { ...empty };
      for (const { name, read } of columns) object[name] = read(row);
      return object;
    };
  };
}

function compiledMaker(names: readonly string[]): RowMaker | undefined {
  if (names.length > compiledColumnsMax || !names.every(isPlain)) return undefined;
  const key = names.join(' ');
  const known = kept.get(key);
  if (known !== undefined) return known;
  const maker = compile(names);
  if (maker === undefined) return undefined;
  if (kept.size >= keptMax) kept.clear();
  kept.set(key, maker);
  return maker;
}

/** `__proto__` would set the prototype. */
function isPlain(name: string): boolean {
  return plainName.test(name) && name !== '__proto__';
}

function compile(names: readonly string[]): RowMaker | undefined {
  const readers = names.map((_, index) => `r${index}`).join(', ');
  const properties = names.map((name, index) => `"${name}": r${index}(row)`).join(', ');
  try {
    return new Function(`[${readers}]`, `return row => ({ ${properties} });`) as RowMaker;
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}
