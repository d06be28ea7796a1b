import { expect, test } from 'vitest';
import { parseIdentifier, printIdentifier, tablePath } from './identifier.ts';

test('names of tables, branches and system tables are told apart and printed back', () => {
  for (const text of ['db.t', 'db.t$snapshots', 'db.t$branch_dev', 'db.t$branch_dev$files', 'd.a.b']) {
    expect(printIdentifier(parseIdentifier(text))).toBe(text);
  }
  expect(parseIdentifier('db.t$branch_dev$files')).toEqual({
    database: 'db',
    table: 't',
    branch: 'dev',
    systemTable: 'files',
  });
  expect(parseIdentifier('db.t$branch_main').branch).toBeUndefined();
  expect(tablePath(parseIdentifier('db.t$files'))).toBe('db.db/t');
});

test('what is not a name is refused with the reason', () => {
  for (const text of ['t', '.t', 'db.', 'db./x', 'db.a/b', 'db.t$a$b', 'db.t$branch_', 'sys.t', 'db.\u0000', 'db..t']) {
    expect(() => parseIdentifier(text), text).toThrow(/is not a table name/);
  }
});
