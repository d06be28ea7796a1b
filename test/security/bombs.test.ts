/** What unpacks to too much ends with a code, and takes no memory to speak of: in a process with a heap of 96 MB. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { withMemoryLimit } from '../../src/format/parquet/wasm-memory.ts';
import type { BombOutcome } from './bombs.ts';

const program = fileURLToPath(new URL('bombs.ts', import.meta.url));
/**
 * What one may take: some tens of megabytes of unpacked bytes before the end is seen, the same once more where they are put
 * together, and the allocator's share. The bombs themselves would take 500 MiB to 2^50 bytes.
 */
const grownMiBMax = 320;

test('few bytes that unpack to gigabytes, telling the truth or not, are an error and bounded memory', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--max-old-space-size=96', program], {
    encoding: 'utf8',
  });
  expect(status, stderr.slice(-2_000)).toBe(0);
  const outcomes = stdout
    .split('\n')
    .filter(line => line !== '')
    .map((line): BombOutcome => JSON.parse(line));
  expect(outcomes.length).toBeGreaterThan(20);
  const codes = ['LAKE_CORRUPT_AVRO', 'LAKE_CORRUPT_ORIGINS', 'LAKE_RECORD_CORRUPT', 'LAKE_PARQUET_CORRUPT'];
  expect(outcomes.filter(({ code }) => !codes.includes(code))).toEqual([]);
  expect(outcomes.filter(({ grownMiB }) => !(grownMiB <= grownMiBMax))).toEqual([]);
});

test('the wasm that decodes Parquet can have no more memory than it is given', () => {
  const path = fileURLToPath(import.meta.resolve('parquet-wasm/esm/parquet_wasm_bg.wasm'));
  const wasm = readFileSync(path);
  // Section 5 of 3 bytes: one memory, no limit, 34 pages to begin with.
  const open = wasm.indexOf(Uint8Array.of(5, 3, 1, 0, 34));
  expect(open).toBeGreaterThan(0);
  const limited = withMemoryLimit(wasm, 100 * 65_536);
  expect(limited.length).toBe(wasm.length + 1);
  expect([...limited.subarray(open, open + 6)]).toEqual([5, 4, 1, 1, 34, 100]);
  // A module with a limit of its own is left as it is.
  expect(withMemoryLimit(limited, 65_536)).toBe(limited);
});
