/** Medians, ratios and goals of what turns measured, and the figures of a turn. */
import { expect, test } from 'vitest';
import { outcomeOf } from './goals.ts';
import { cpuOfMachine, cpuOfStat, peakOfStatus } from './processor-time.ts';
import { medianFigures, middle, quantile, ratiosOf } from './statistics.ts';
import { figuresOf } from './turn.ts';

test('the middle is that of the sorted values, between two their mean, of none not a number', () => {
  expect(middle([9, 1, 5])).toBe(5);
  expect(middle([10, 1, 2, 4])).toBe(3);
  expect(middle([])).toBeNaN();
});

test('a quantile is the smallest value that the share does not exceed', () => {
  const values = Array.from({ length: 20 }, (_, index) => 20 - index);
  expect([0.05, 0.5, 0.951, 1].map(share => quantile(values, share))).toEqual([1, 10, 20, 20]);
  expect(quantile([], 0.5)).toBeNaN();
});

test('medians are of the figures that every turn has', () => {
  expect(medianFigures([{ wallMs: 3, rssMb: 1 }, { wallMs: 1, rssMb: 7 }, { wallMs: 2 }])).toEqual({ wallMs: 2 });
  expect(medianFigures([])).toEqual({});
});

test('a ratio is what the peer takes for each of ours, of the figures that both have', () => {
  expect(ratiosOf({ wallMs: 2, cpuMs: 4, own: 1, none: 0 }, { wallMs: 9, cpuMs: 1, other: 1, none: 3 })).toEqual({
    wallMs: 4.5,
    cpuMs: 0.25,
  });
});

test('goals are told with what was reached; those of who took no part are left out', () => {
  const measured = { medians: { wallMs: 100, peakRssMb: 600, rowsPerS: 5 }, ratios: { paimon: { wallMs: 4 } } };
  expect(outcomeOf({ kind: 'ratio', figure: 'wallMs', peer: 'paimon', atLeast: 4 }, measured)).toEqual({
    ...{ goal: '≥ 4x paimon', figure: 'wallMs', peer: 'paimon', bound: 4 },
    reached: 4,
    isMet: true,
  });
  expect(outcomeOf({ kind: 'ratio', figure: 'wallMs', peer: 'duckdb', atLeast: 1 }, measured)).toBeUndefined();
  expect(outcomeOf({ kind: 'most', figure: 'peakRssMb', atMost: 512 }, measured)?.isMet).toBe(false);
  expect(outcomeOf({ kind: 'least', figure: 'rowsPerS', atLeast: 6 }, measured)?.isMet).toBe(false);
  expect(outcomeOf({ kind: 'least', figure: 'rowsPerS', atLeast: 5 }, measured)?.isMet).toBe(true);
});

test('figures of a turn tell its first pass from the start of the process, and the best of the later ones', () => {
  const pass = { wallMs: 50, cpuMs: 70, endMs: 1_150, cpuSinceStartMs: 120 };
  const passes = [pass, { ...pass, wallMs: 20, cpuMs: 31 }, { ...pass, wallMs: 21, cpuMs: 30 }];
  const outside = { startMs: 1_000, processWallMs: 300, processCpuMs: 400, peakRssMb: 90 };
  expect(figuresOf({ passes, figures: { p50Ms: 3 } }, outside)).toEqual({
    ...{ coldWallMs: 150, coldCpuMs: 120, firstWallMs: 50, firstCpuMs: 70, warmWallMs: 20, warmCpuMs: 30 },
    ...{ processWallMs: 300, processCpuMs: 400, peakRssMb: 90, p50Ms: 3 },
  });
  expect(figuresOf({ passes: [pass] }, outside)['warmWallMs']).toBeUndefined();
});

test('processor time of ended children and peak memory are read as the kernel writes them', () => {
  const stat = '17 (a (b) c) S 1 17 17 0 -1 4194304 900 8000 0 0 11 22 330 44 20 0 11 0 5 6 7';
  expect(cpuOfStat(stat)).toBe((330 + 44) * 10);
  // Idle and waiting for the disk (4th and 5th) are not busy; guests (the last two) are in what users had.
  expect(cpuOfMachine('cpu  100 20 3 9000 500 4 5 6 7 8\ncpu0 1 1 1 1 1 1 1 1 1 1\n')).toBe(138 * 10);
  expect(peakOfStatus('Name:\tnode\nVmPeak:\t 999999 kB\nVmHWM:\t   46080 kB\nVmRSS:\t 1 kB\n')).toBe(45);
});
