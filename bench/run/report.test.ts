/** Charts and the table of goals, from results. */
import { expect, test } from 'vitest';
import { barChart, shownNumber } from './bar-chart.ts';
import { chartOf, reportBegin, reportEnd, reportText, unitOf, withReport } from './report.ts';
import type { Result } from './results.ts';

const result: Result = {
  ...{ bench: 'read', case: 'read/arrow', what: 'all rows', date: '2026-01-01T00:00:00.000Z', command: 'bench' },
  machine: { cpu: 'a', cores: 2, memoryGb: 8 },
  load: [0.1, 1.2],
  versions: { node: 'v24', tidelake: 'abc', paimon: '1.4.2', duckdb: '1.5' },
  turns: {},
  medians: { tidelake: { warmWallMs: 10, peakRssMb: 600 }, paimon: { warmWallMs: 30 }, duckdb: { warmWallMs: 5 } },
  ratios: { paimon: { warmWallMs: 3, warmCpuMs: 2.5 } },
  goals: [
    { goal: '≥ 4x paimon', figure: 'warmWallMs', peer: 'paimon', bound: 4, reached: 3, isMet: false },
    { goal: '≤ 512', figure: 'peakRssMb', bound: 512, reached: 600, isMet: false },
  ],
};
const withoutGoal: Result = {
  ...result,
  bench: 'write',
  case: 'write',
  goals: [],
  medians: { tidelake: { firstWallMs: 1_234 } },
};

test('the table has a line for each goal, and one for a case without goals', () => {
  const lines = reportText([result, withoutGoal])
    .split('\n')
    .filter(line => line.startsWith('| `'));
  expect(lines).toEqual([
    '| `read/arrow` | warmWallMs | 10 | 30 | duckdb 5 | ≥ 4x paimon | 3x, **not met** | 2.5x | 0.1–1.2 |',
    '| `read/arrow` | peakRssMb | 600 |  |  | ≤ 512 | 600, **not met** |  | 0.1–1.2 |',
    '| `write` | firstWallMs | 1,234 |  |  |  |  |  | 0.1–1.2 |',
  ]);
});

test('a line that was measured while others were at work says so', () => {
  const text = reportText([{ ...withoutGoal, otherCores: 1.5 }]);
  expect(text).toContain('| `write` | firstWallMs | 1,234 |  |  |  |  |  | 0.1–1.2, **at load** |');
});

test('the text says on what, against what and when it was measured, and shows each bench once', () => {
  const text = reportText([result, { ...result, case: 'read/rows' }, withoutGoal]);
  expect(text).toContain('Against paimon 1.4.2, duckdb 1.5;');
  expect(text).toContain('- 2 cores of a, 8 GB; Node v24; commit abc; 2026-01-01: read, write');
  expect(text.match(/!\[.*\)/g)).toEqual(['![read](figures/bench-read.svg)', '![write](figures/bench-write.svg)']);
});

test('the report goes between its marks and nowhere else, again and again', () => {
  const text = `before\n${reportBegin}\nold\n${reportEnd}\nafter\n`;
  const once = withReport(text, 'new\n');
  expect(once).toBe(`before\n${reportBegin}\nnew\n${reportEnd}\nafter\n`);
  expect(withReport(once, 'new\n')).toBe(once);
  expect(() => withReport('without marks', 'new')).toThrow('has not the marks');
});

test('a chart has a bar for each contestant, as long as its value, and a line where the goal is', () => {
  const svg = chartOf('read', [result, withoutGoal]);
  const widths = [...svg.matchAll(/<rect x="110" y="\d+" width="(\d+)"/g)].map(([, width]) => Number(width));
  // 484 is the room of the longest bar. The second panel has one bar, longer than its goal.
  expect(widths).toEqual([161, 484, 81, 484]);
  const goals = [...svg.matchAll(/<line x1="(\d+)"/g)].map(([, x]) => Number(x));
  expect(goals).toEqual([110 + 121, 110 + 413]);
  expect(svg).not.toContain('write: firstWallMs');
});

test('a chart is well-formed whatever its titles hold', () => {
  const svg = barChart('a < b & c', [{ title: '1 > 0', unit: 'ms', bars: [{ label: '<x>', value: 0 }] }]);
  expect(svg).toContain('<title>a &lt; b &amp; c</title>');
  expect(svg).toContain('&lt;x&gt;');
  expect(svg.match(/<svg /g)).toHaveLength(1);
  expect(svg.endsWith('</svg>\n')).toBe(true);
});

test('numbers have three digits, and their unit is the end of the figure’s name', () => {
  expect([0.012345, 12.345, 1234.5, 1_234_567].map(shownNumber)).toEqual(['0.0123', '12.3', '1,235', '1,234,567']);
  expect(['warmWallMs', 'peakRssMb', 'ingestRowsPerS', 'commitMsAt1000', 'keyPlanObjectsAt10'].map(unitOf)).toEqual([
    ...['ms', 'MB', 'rows/s', 'ms', ''],
  ]);
});
