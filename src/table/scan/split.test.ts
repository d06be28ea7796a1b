import { expect, test } from 'vitest';
import { emptyRow, serializeRow } from '../../format/binary-row.ts';
import type { DataFileMeta } from '../../format/data-file.ts';
import { emptyStats } from '../../format/stats.ts';
import type { DataType } from '../../types/data-type.ts';
import { noDeletions } from '../index-files.ts';
import { rowComparator } from '../key-comparator.ts';
import { filesOf, type SplitWork, splitAppendBucket, splitKeyBucket } from './split.ts';

const int: DataType = { kind: 'int', nullable: false };
const settings = { targetBytes: 100, openFileBytes: 10 };

type Draft = {
  readonly keys?: readonly [number, number];
  readonly level?: number;
  readonly deletes?: number | undefined;
  readonly size?: number;
  readonly sequence?: number;
};

function file(fileName: string, draft: Draft = {}): DataFileMeta {
  const { keys = [0, 0], level = 0, size = 20, sequence = 0 } = draft;
  return {
    fileName,
    fileSize: size,
    rowCount: 10,
    minKey: serializeRow([int], [keys[0]]),
    maxKey: serializeRow([int], [keys[1]]),
    keyStats: emptyStats,
    valueStats: emptyStats,
    minSequenceNumber: BigInt(sequence),
    maxSequenceNumber: BigInt(sequence + 9),
    schemaId: 0,
    level,
    extraFiles: [],
    creationTimeMs: 0,
    deleteRowCount: 'deletes' in draft ? draft.deletes : 0,
    embeddedIndex: undefined,
    fileSource: 'append',
    valueStatsCols: undefined,
    externalPath: undefined,
    firstRowId: undefined,
    writeCols: undefined,
  };
}

function bucket(files: readonly DataFileMeta[]) {
  return { partition: emptyRow, partitionValues: [], bucket: 0, totalBuckets: 1, deletions: noDeletions, files };
}

function shown(work: SplitWork): string {
  if (work.kind === 'raw') return `raw ${work.files.map(({ fileName }) => fileName).join(' ')}`;
  const sections = work.sections.map(runs => runs.map(run => run.map(({ fileName }) => fileName).join('+')).join('|'));
  return `merge ${sections.join(' ')}`;
}

function keySplits(files: readonly DataFileMeta[]): readonly string[] {
  return splitKeyBucket(bucket(files), rowComparator([int]), settings).map(({ work }) => shown(work));
}

test('files of one run are read raw, those that overlap are merged, each with its like', () => {
  const files = [
    file('a', { keys: [0, 9], level: 5 }),
    file('b', { keys: [10, 19], level: 5 }),
    file('c', { keys: [15, 25] }),
    file('d', { keys: [18, 18] }),
    file('e', { keys: [30, 39], level: 5 }),
  ];
  expect(keySplits(files)).toEqual(['raw a', 'merge b|c|d', 'raw e']);
});

test('a file that overlaps nothing but may hold deletes is merged, for that drops them', () => {
  expect(keySplits([file('a', { keys: [0, 9], deletes: 1 })])).toEqual(['merge a']);
  expect(keySplits([file('a', { keys: [0, 9], deletes: undefined })])).toEqual(['merge a']);
});

test('files that follow each other without touching are one run of a section', () => {
  const files = [file('l', { keys: [0, 20] }), file('a', { keys: [0, 9] }), file('b', { keys: [10, 19] })];
  expect(keySplits(files)).toEqual(['merge a+b|l']);
});

test('splits hold about as much as they shall; what is larger stands alone', () => {
  const files = [0, 1, 2, 3, 4, 5].map(at => file(`f${at}`, { keys: [at * 10, at * 10 + 9], size: 45 }));
  expect(keySplits(files)).toEqual(['raw f0 f1', 'raw f2 f3', 'raw f4 f5']);
  expect(keySplits([file('big', { keys: [0, 1], size: 500 }), file('a', { keys: [5, 6] })])).toEqual([
    'raw big',
    'raw a',
  ]);
});

test('files of an append table come in the order they were written, a tiny one counting as one to open', () => {
  const files = Array.from({ length: 12 }, (_, at) => file(`f${at}`, { sequence: (11 - at) * 10, size: 1 }));
  const splits = splitAppendBucket(bucket(files), settings);
  expect(splits.map(({ work }) => shown(work))).toEqual(['raw f11 f10 f9 f8 f7 f6 f5 f4 f3 f2', 'raw f1 f0']);
  expect(splits.flatMap(filesOf)).toHaveLength(12);
});
