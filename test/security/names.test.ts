/** Names from outside: refused with a stable code, or the folder they make is theirs alone. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { isLakeError } from '../../src/base/errors.ts';
import { seededRandom } from '../../src/base/random.ts';
import { createDatabase, createTable } from '../../src/catalog/catalog.ts';
import { checkNewName, parseIdentifier, printIdentifier, tablePath } from '../../src/catalog/identifier.ts';
import { escapePathName, unescapePathName } from '../../src/format/partition-text.ts';
import { parseTableOptions } from '../../src/format/table-options.ts';
import { MemoryObjectStore } from '../../src/storage/memory/memory-object-store.ts';
import { isObjectKey } from '../../src/storage/object-key.ts';
import { pinSnapshot } from '../../src/table/pins.ts';
import { fixtureSchema } from '../table-fixture.ts';

/** Any text, made mostly of what has a meaning somewhere between a name and a file. */
const hostileName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(
      fc.oneof(
        fc.constantFrom('..', '.', '/', '\\', '$', '%2e', '%2f', '\0', '\n', '\u202e', '\u200b', '\uff0f', '\uff0e'),
        fc.constantFrom('a', 'A', 'é', 'e\u0301', '\u0430', '\u212a', '\ud800', ' ', '.db', 'branch_', '\u{1f600}'),
      ),
      { maxLength: 8 },
    )
    .map(parts => parts.join('')),
);

/** The code of what a function throws; it must be one. */
function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!isLakeError(error)) throw error;
    return error.code;
  }
}

test('a table name is refused with its code, or all it makes is one folder in one folder', () => {
  fc.assert(
    fc.property(hostileName, hostileName, (database, table) => {
      const text = `${database}.${table}`;
      const code = codeOf(() => parseIdentifier(text));
      if (code !== undefined) return code === 'LAKE_BAD_NAME';
      const identifier = parseIdentifier(text);
      const path = tablePath(identifier);
      expect(path.split('/')).toEqual([`${identifier.database}.db`, identifier.table]);
      expect(isObjectKey(`${path}/schema/schema-0`)).toBe(true);
      if (identifier.branch !== undefined) expect(isObjectKey(`${path}/branch/branch-${identifier.branch}`)).toBe(true);
      if (!text.includes('$branch_main')) expect(printIdentifier(identifier)).toBe(text);
      return true;
    }),
    { numRuns: 3_000 },
  );
});

test('two new names that differ make two folders, on a file system that normalizes too', () => {
  fc.assert(
    fc.property(hostileName, hostileName, (a, b) => {
      for (const name of [a, b]) if (codeOf(() => checkNewName(name, name)) !== undefined) return true;
      return a === b || a.normalize('NFC') !== b.normalize('NFC');
    }),
    { numRuns: 3_000 },
  );
});

test('what looks like another name, or can not be seen, makes no table and leaves nothing behind', async () => {
  const store = new MemoryObjectStore('memory:names', systemClock);
  const parts = { store, clock: systemClock, random: seededRandom(1) };
  const definition = {
    columns: [{ name: 'k', type: { kind: 'int', nullable: true } }],
    primaryKeys: [],
    partitionKeys: [],
    options: {},
  } as const;
  const bad = [
    ...[
      'a\u202eb',
      'a\u200bb',
      '\ufeffa',
      'a\u00adb',
      'a\u2066b',
      'a\u{e0041}',
      'a\uff0fb',
      '\uff0e\uff0e',
      'a\uff3cb',
    ],
    ...[
      'a\u2044b',
      'a\u2215b',
      'e\u0301',
      '\u212b',
      'a ',
      'a\u00a0',
      'a\u2028b',
      '\ud800',
      '\udc00a',
      '..',
      '.',
      'a/b',
    ],
    ...['a\\b', 'a\0', 'a\x7f', 'a\x9f', 'x'.repeat(253), 'é'.repeat(127), '\u{1f600}'.repeat(64)],
  ];
  for (const name of bad) {
    const identifier = { database: 'd', table: name, branch: undefined, systemTable: undefined };
    await expect(createTable(parts, identifier, definition, { ifNotExists: true }), name).rejects.toMatchObject({
      code: 'LAKE_BAD_NAME',
    });
    await expect(createDatabase(parts, name, { ifNotExists: true }), name).rejects.toMatchObject({
      code: expect.stringMatching(/^LAKE_BAD_(NAME|KEY)$/),
    });
  }
  for await (const page of store.list('')) expect(page.objects).toEqual([]);
  const good = ['a', '\u0430', 'é', '表', 'a b', 'a-b', 'x'.repeat(252), '\u{1f600}'.repeat(63)];
  for (const table of good) {
    const identifier = { database: 'd', table, branch: undefined, systemTable: undefined };
    await createTable(parts, identifier, definition, { ifNotExists: false });
  }
});

test('a partition value may be any text: its folder is one segment, and tells the value', () => {
  fc.assert(
    fc.property(fc.oneof(hostileName, fc.string({ unit: 'grapheme' })), value => {
      const segment = `p=${escapePathName(value)}`;
      expect(segment).not.toMatch(/[/\\\0]/);
      expect(segment).not.toMatch(/^\.{1,2}$/);
      if (value.isWellFormed()) expect(isObjectKey(`t/${segment}/bucket-0/f`)).toBe(true);
      expect(unescapePathName(segment.slice(2))).toBe(value);
    }),
    { numRuns: 3_000 },
  );
});

test('options that would lead files out of the folder of the table are refused', () => {
  const bad = [
    ...['../x', 'a/../../b', '..', 'a//b', 'a\\b', 'a\0b'].map(value => ({ 'data-file.path-directory': value })),
    ...['../', 'a/b-', 'a\\b', 'a\0', 'x'.repeat(255)].map(value => ({ 'data-file.prefix': value })),
    { 'changelog-file.prefix': '../../other.db/t/' },
  ];
  for (const options of bad) {
    const code = codeOf(() => parseTableOptions(fixtureSchema({ options })));
    expect(code, JSON.stringify(options)).toBe('LAKE_BAD_OPTION');
  }
  const { files } = parseTableOptions(fixtureSchema({ options: { 'data-file.path-directory': '/data/x/' } }));
  expect(files.directory).toBe('data/x');
});

test('a consumer whose id is a path pins nothing', async () => {
  const store = new MemoryObjectStore('memory:pins', systemClock);
  const home = { store, metaPath: 'd.db/t', label: 'd.t' };
  for (const id of ['../../o.db/t/consumer/consumer-x', 'a/b', '', '..', 'a\0b', 'x'.repeat(256)]) {
    await expect(pinSnapshot(home, id, { id: 1, deltaManifestList: 'm' }), id).rejects.toMatchObject({
      code: 'LAKE_BAD_NAME',
    });
  }
  for await (const page of store.list('')) expect(page.objects).toEqual([]);
});
