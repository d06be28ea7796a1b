/** Real files to begin from: tables that Paimon wrote, and files of their own beside the codecs. */
import { readdirSync, readFileSync, statSync } from 'node:fs';

const warehouse = new URL('../golden/tables/warehouse/', import.meta.url);
const fixtures = new URL('../../src/format/fixtures/', import.meta.url);
export const parquetFixtures: URL = new URL('../../src/format/parquet/fixtures/', import.meta.url);
const filesMax = 40;
const fileBytesMax = 32 * 1024;

let paths: readonly string[] | undefined;

/** Golden files whose path matches, spread evenly over the tables. */
export function goldenFiles(pattern: RegExp): readonly Uint8Array[] {
  paths ??= readdirSync(warehouse, { recursive: true, encoding: 'utf8' }).toSorted();
  const found = paths.filter(
    path => pattern.test(path) && statSync(new URL(encodeURI(path), warehouse)).size <= fileBytesMax,
  );
  const step = Math.max(1, Math.floor(found.length / filesMax));
  return found.filter((_, index) => index % step === 0).map(path => readFileSync(new URL(encodeURI(path), warehouse)));
}

/** Fixtures of the format's room whose name ends so. */
export function fixtureFiles(ending: RegExp): readonly Uint8Array[] {
  return readdirSync(fixtures)
    .filter(name => ending.test(name))
    .map(name => readFileSync(new URL(name, fixtures)));
}

export function texts(...lines: readonly string[]): readonly Uint8Array[] {
  return lines.map(line => new TextEncoder().encode(line));
}
