/** Result lines: kept one below the other, and of each case the newest is found again. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isAtLoad, keepResult, newestResults, type Result, resultLine } from './results.ts';

const result: Result = {
  ...{ bench: 'read', case: 'read/arrow', what: 'all rows', date: '2026-01-01T00:00:00.000Z', command: 'bench' },
  machine: { cpu: 'a', cores: 2, memoryGb: 8 },
  load: [0.1, 1.2],
  versions: { node: 'v24' },
  turns: { tidelake: [{ warmWallMs: 10 }], paimon: [{ warmWallMs: 30 }] },
  medians: { tidelake: { warmWallMs: 10 }, paimon: { warmWallMs: 30 } },
  ratios: { paimon: { warmWallMs: 3 } },
  goals: [{ goal: '≥ 4x paimon', figure: 'warmWallMs', peer: 'paimon', bound: 4, reached: 3, isMet: false }],
};

test('a result is one line, and comes back as it was', () => {
  const line = resultLine(result);
  expect(line.indexOf('\n')).toBe(line.length - 1);
  expect(JSON.parse(line)).toEqual(result);
});

test('a result is at load when others kept a third of a core busy, or, where that is not known, by the load', () => {
  expect([0, 0.3, 0.31].map(otherCores => isAtLoad({ ...result, load: [9, 9], otherCores }))).toEqual([
    ...[false, false, true],
  ]);
  expect([2.9, 3.1].map(load => isAtLoad({ ...result, load: [0, load] }))).toEqual([false, true]);
});

test('the newest result of each case is found, whatever file it is in', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidelake-results-'));
  try {
    expect(newestResults(join(folder, 'none'))).toEqual([]);
    const rows = { ...result, case: 'read/rows' };
    const later = { ...result, date: '2026-02-01T00:00:00.000Z' };
    for (const kept of [result, rows, later, { ...result, bench: 'compact', case: 'compact' }])
      keepResult(kept, folder);
    expect(readFileSync(join(folder, 'read.jsonl'), 'utf8')).toBe([result, rows, later].map(resultLine).join(''));
    expect(newestResults(folder).map(found => [found.case, found.date.slice(0, 7)])).toEqual([
      ['compact', '2026-01'],
      ['read/arrow', '2026-02'],
      ['read/rows', '2026-01'],
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
