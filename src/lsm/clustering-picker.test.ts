/** Which partitions are sorted in full beside those that are asked for. */
import { expect, test } from 'vitest';
import type { DataFileMeta } from '../format/data-file.ts';
import { type IdleFacts, idlePartitions } from './clustering-picker.ts';

type Draft = readonly [level: number, ageMs: number];

const nowMs = 1_000_000;

function filesOf(drafts: readonly Draft[]): readonly DataFileMeta[] {
  return drafts.map(([level, ageMs]) => ({ level, creationTimeMs: nowMs - ageMs }) as DataFileMeta);
}

function idle(partitions: Readonly<Record<string, readonly Draft[]>>, changes: Partial<IdleFacts> = {}) {
  const files = new Map(Object.entries(partitions).map(([key, drafts]) => [key, filesOf(drafts)]));
  return idlePartitions({ partitions: files, levelCount: 6, nowMs, idleMs: 100, countMax: 5, ...changes });
}

test('partitions are taken up when nothing has come into them for long enough, those that waited longest first', () => {
  expect(
    idle({
      young: [[0, 100]],
      old: [[0, 101]],
      oldest: [[0, 300]],
      mixed: [
        [0, 300],
        [0, 99],
      ],
    }),
  ).toEqual(['oldest', 'old']);
});

test('what lies at the last level is sorted through: it neither asks for anything nor keeps a partition from resting', () => {
  expect(
    idle({
      done: [[5, 900]],
      resting: [
        [5, 1],
        [4, 900],
      ],
    }),
  ).toEqual(['resting']);
  expect(idle({ low: [[4, 900]] }, { levelCount: 5 })).toEqual([]);
});

test('so many are taken up at most', () => {
  const partitions = { a: [[0, 500]], b: [[1, 400]], c: [[0, 400]], d: [[0, 300]] } as const;
  expect(idle(partitions, { countMax: 3 })).toEqual(['a', 'b', 'c']);
  expect(idle(partitions, { countMax: 0 })).toEqual([]);
});
