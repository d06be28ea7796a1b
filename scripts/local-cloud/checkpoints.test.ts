import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Checkpoints } from './checkpoints.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidelake-checkpoints-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('checkpoints are there again where there is a file for them', () => {
  const file = join(folder, 'kept.json');
  new Checkpoints(file).set('ingest log shard-0', { sequenceNumber: '7' });
  const again = new Checkpoints(file);
  expect(again.get('ingest log shard-0')).toEqual({ sequenceNumber: '7' });
  expect(again.get('ingest log shard-1')).toEqual({});
});

test('a file that makes no sense is named, with what to do', () => {
  const file = join(folder, 'damaged.json');
  for (const text of ['{"ingest log shard-0": {"sequ', '{"ingest log shard-0": 7}']) {
    writeFileSync(file, text);
    expect(() => new Checkpoints(file)).toThrow(`${file} is damaged; remove it: `);
  }
});
