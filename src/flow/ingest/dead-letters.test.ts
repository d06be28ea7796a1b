/** Dead letters: files of them, lists of the files, and what is not one. */
import { expect, test } from 'vitest';
import { fixtureTable, ManualClock } from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { Table } from '../../table/table.ts';
import {
  addDeadLetterFiles,
  type DeadLetterFile,
  readDeadLetterList,
  storeDeadLetterList,
} from './dead-letter-list.ts';
import { type DeadLetter, readDeadLetters, storeDeadLetterFile } from './dead-letters.ts';

const clock = new ManualClock();

function newTable(): Promise<Table> {
  return fixtureTable(new MemoryObjectStore('memory:dead', clock), { clock, random: seededRandom(1) });
}

function letter(changes: Partial<DeadLetter> = {}): DeadLetter {
  return {
    shardId: 'a',
    position: 2n ** 90n,
    arrivalMs: 12,
    reason: 'unreadable',
    detail: 'why\nnot',
    rows: undefined,
    rowCount: 3,
    data: Uint8Array.of(0, 255, 10, 7),
    ...changes,
  };
}

async function lettersOf(table: Table, listName = ''): Promise<readonly DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for await (const found of readDeadLetters(table, listName)) letters.push(found);
  return letters;
}

/** On top of nothing: what is added comes in with the first snapshot. */
const base = { snapshot: undefined };
const listed = (file: DeadLetterFile) => ({ ...file, snapshotId: 1 });

test('letters come back as they were, of every reason, the oldest file first', async () => {
  const table = await newTable();
  const reasons = [
    'unreadable',
    'unknown-schema',
    'schema-change',
    'bucket-count',
    'null-value',
    'not-appendable',
    'row-kind',
    'delete-not-merged',
  ] as const;
  const first = reasons.map(reason => letter({ reason }));
  const second = [letter({ rows: [0, 2], rowCount: 2 })];
  const file = await storeDeadLetterFile(table, first);
  expect(file).toMatchObject({ rowCount: 24, entryCount: 8, name: expect.stringMatching(/^dead-letters-./) });
  clock.advance(5);
  const list = await addDeadLetterFiles(table, { listName: undefined, base }, [file]);
  expect(list.uploads).toEqual([{ name: list.listName, uploadBeganMs: expect.any(Number) }]);
  expect(list.listName).toMatch(/^dead-letter-list-./);
  const later = await storeDeadLetterFile(table, second);
  const longer = await addDeadLetterFiles(table, { listName: list.listName, base }, [later]);
  expect(await readDeadLetterList(table, longer.listName)).toEqual({
    files: [listed(file), listed(later)],
    replays: [],
  });
  expect(await lettersOf(table, longer.listName)).toEqual([...first, ...second]);
  // The list before is left as it was: a snapshot names it.
  expect(await readDeadLetterList(table, list.listName)).toEqual({ files: [listed(file)], replays: [] });
});

test('replays are kept in a list as they were, also when files are added to it; an empty list is none', async () => {
  const table = await newTable();
  const replay = {
    name: 'dead-letters-r',
    rowCount: 9,
    entryCount: 3,
    lanes: new Map([
      [0, 2],
      [15, 1],
    ]),
    letters: [
      { name: 'dead-letters-g', rowCount: 9, entryCount: 2, snapshotId: 4 },
      { name: 'dead-letters-h', rowCount: 1, entryCount: 1, snapshotId: undefined },
    ],
  };
  const { listName } = await storeDeadLetterList(table, { files: [], replays: [replay] });
  const file = { name: 'dead-letters-f', rowCount: 1, entryCount: 1 };
  const longer = await addDeadLetterFiles(table, { listName, base }, [file]);
  expect(await readDeadLetterList(table, longer.listName)).toEqual({ files: [listed(file)], replays: [replay] });
  expect(await storeDeadLetterList(table, { files: [], replays: [] })).toEqual({ listName: undefined, uploads: [] });
  expect(await readDeadLetterList(table, undefined)).toEqual({ files: [], replays: [] });
});

test('a list or a file that is missing or not one is corrupt', async () => {
  const table = await newTable();
  const put = (name: string, text: string) => table.store.put(`${table.path}/tidelake/${name}`, Buffer.from(text));
  await expect(readDeadLetterList(table, 'gone')).rejects.toMatchObject({ code: 'LAKE_FILE_MISSING' });
  const item = { name: 'f', rowCount: 1, entryCount: 1 };
  const lists = [
    'x',
    '{}',
    '[1]',
    '[null]',
    ...['name', 'rowCount', 'entryCount'].map(key => JSON.stringify([{ ...item, [key]: {} }])),
    ...[null, -1, '1'].map(snapshot => JSON.stringify([{ ...item, snapshot }])),
    ...[null, {}, [1], [item, {}]].map(letters => JSON.stringify([{ ...item, lanes: {}, letters }])),
    ...[null, [1], { x: 1 }, { '-1': 1 }, { '0': -1 }, { '0': '1' }].map(lanes => JSON.stringify([{ ...item, lanes }])),
  ];
  for (const text of lists) {
    await put('list', text);
    await expect(readDeadLetterList(table, 'list'), text).rejects.toMatchObject({ code: 'LAKE_CORRUPT_DEAD_LETTERS' });
  }
  await put('list', 'x');
  await expect(readDeadLetterList(table, 'list')).rejects.toMatchObject({ cause: expect.any(Error) });
  await put('list', JSON.stringify([item]));
  await expect(lettersOf(table, 'list')).rejects.toMatchObject({ code: 'LAKE_FILE_MISSING' });
  const good = {
    shard: 'a',
    position: '1',
    arrivalMs: 1,
    reason: 'unreadable',
    detail: 'd',
    rowCount: 1,
    data: '',
  };
  await put('f', `${JSON.stringify(good)}\n`);
  expect(await lettersOf(table, 'list')).toHaveLength(1);
  const lines = ['[]', 'null', ...Object.keys(good).map(key => JSON.stringify({ ...good, [key]: {} }))];
  const changes = [
    { reason: 'toString' },
    { reason: ['unreadable'] },
    { position: 1 },
    { position: '-1' },
    { position: '1x' },
    { position: '1'.repeat(81) },
    ...['arrivalMs', 'rowCount'].flatMap(key => [{ [key]: '1' }, { [key]: -1 }, { [key]: 0.5 }]),
    { rows: null },
    { rows: 1 },
    { rows: [0, -1] },
    { rows: ['0'] },
  ];
  for (const line of [...lines, ...changes.map(change => JSON.stringify({ ...good, ...change }))]) {
    await put('f', `${line}\n`);
    await expect(lettersOf(table, 'list'), line).rejects.toMatchObject({ code: 'LAKE_CORRUPT_DEAD_LETTERS' });
  }
});
