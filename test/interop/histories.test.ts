// Random histories of random tables, written and compacted by us and by real Paimon in turn: the same rows after each step
// as in a table that Paimon wrote alone. `npm run test:interop -- --histories N` plays N of them, from a fresh seed on;
// `--histories-from SEED` begins at that one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { playHistory } from './history/play-history.ts';
import { randomHistory } from './history/random-history.ts';
import { type Paimon, startPaimon } from './paimon.ts';

const count = Number(process.env['TIDELAKE_HISTORIES'] ?? 20);
const first = Number(process.env['TIDELAKE_HISTORIES_FROM'] ?? Math.floor(Math.random() * 1e9));

let paimon: Paimon;
let scratch: string;

beforeAll(async () => {
  paimon = await startPaimon();
  scratch = mkdtempSync(join(tmpdir(), 'tidelake-histories-'));
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
});

test.each(Array.from({ length: count }, (_, index) => first + index))(
  'history %i: Paimon and we write one table in turn, and it holds what Paimon alone would have made',
  async seed => {
    const history = randomHistory(seed);
    const folder = mkdtempSync(join(scratch, `${seed}-`));
    const failure = await playHistory(paimon, history, folder);
    rmSync(folder, { recursive: true, force: true });
    const again = `npm run test:interop -- --histories 1 --histories-from ${seed}`;
    expect(failure, `${again}\n${JSON.stringify(history.table)}`).toBeUndefined();
  },
);
