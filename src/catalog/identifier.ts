import { invalid } from '../base/errors.ts';

/** Names a table: `db.t`, a branch of it: `db.t$branch_dev`, or a system table of it: `db.t$snapshots`. */
export type Identifier = {
  readonly database: string;
  readonly table: string;
  readonly branch: string | undefined;
  /** `snapshots`, `files`, …; undefined for the table itself. */
  readonly systemTable: string | undefined;
};

const databaseSuffix = '.db';
const branchPrefix = 'branch_';
/** The name of the table itself among its branches. */
export const mainBranch = 'main';
/** Names become folders and SQL identifiers; `$` separates branches and system tables, `/` and control characters are out. */
const namePattern = /^[^\s./\\$\p{Cc}][^/\\$\p{Cc}]*$/u;
/** Bytes of UTF-8 that a folder's name can have. */
const nameBytesMax = 255;
/**
 * What cannot be seen or turns the text around: two names that look the same would be two tables. Format characters (zero
 * width, direction), separators of lines and paragraphs, full-width forms of dot, slash and backslash.
 */
const deceptivePattern = /[\p{Cf}\p{Zl}\p{Zp}\u2024\u2044\u2215\u29f8\uff0e\uff0f\uff3c\ufe68]/u;

/** @throws LakeError `invalid` LAKE_BAD_NAME for anything but `database.table[$branch_b][$system]` */
export function parseIdentifier(text: string): Identifier {
  const dot = text.indexOf('.');
  if (dot <= 0) throw badName(text, 'a table is named DATABASE.TABLE');
  const database = text.slice(0, dot);
  const [table = '', ...suffixes] = text.slice(dot + 1).split('$');
  checkName(database, text);
  checkName(table, text);
  if (database === 'sys') throw badName(text, '`sys` is reserved');
  let branch: string | undefined;
  if (suffixes[0]?.startsWith(branchPrefix) === true) branch = suffixes.shift()?.slice(branchPrefix.length);
  const systemTable = suffixes.shift();
  if (suffixes.length > 0 || branch === '' || systemTable === '')
    throw badName(text, 'too many or empty parts after $');
  if (branch !== undefined) checkName(branch, text);
  return { database, table, branch: branch === mainBranch ? undefined : branch, systemTable };
}

export function printIdentifier(identifier: Identifier): string {
  const branch = identifier.branch === undefined ? '' : `$${branchPrefix}${identifier.branch}`;
  const system = identifier.systemTable === undefined ? '' : `$${identifier.systemTable}`;
  return `${identifier.database}.${identifier.table}${branch}${system}`;
}

/** Key prefix of a database in the warehouse, without a slash at the end. */
export function databasePath(database: string): string {
  return `${database}${databaseSuffix}`;
}

/** Key prefix of a table in the warehouse, without a slash at the end. */
export function tablePath(identifier: Identifier): string {
  return `${databasePath(identifier.database)}/${identifier.table}`;
}

/** The database whose folder has this name, if it is one. */
export function databaseOfFolder(folder: string): string | undefined {
  if (!folder.endsWith(databaseSuffix) || folder.length === databaseSuffix.length) return undefined;
  return folder.slice(0, -databaseSuffix.length);
}

/** @throws LakeError `invalid` LAKE_BAD_NAME when it can not be a database's, table's or branch's name in any program */
export function checkName(name: string, where: string): void {
  if (name.length > nameBytesMax || Buffer.byteLength(name) + databaseSuffix.length > nameBytesMax) {
    throw badName(where, `a name has at most ${nameBytesMax - databaseSuffix.length} bytes`);
  }
  if (!name.isWellFormed()) throw badName(where, 'it is not well-formed Unicode');
  if (!namePattern.test(name)) {
    throw badName(
      where,
      `\`${name}\` must not be empty, begin with a dot or space, or contain / \\ $ or control characters`,
    );
  }
}

/**
 * Stricter than `checkName`: what a name must be for us to make something of it. Names that others made stay readable.
 *
 * @throws LakeError `invalid` LAKE_BAD_NAME
 */
export function checkNewName(name: string, where: string): void {
  checkName(name, where);
  if (deceptivePattern.test(name)) {
    throw badName(where, 'it has characters that are invisible, or look like . / or \\');
  }
  // A file system that normalizes would take the two forms of one text for one folder.
  if (name.normalize('NFC') !== name) throw badName(where, 'write it in Unicode’s composed form (NFC)');
  if (/\s$/u.test(name)) throw badName(where, 'it must not end in white space');
}

function badName(text: string, why: string): Error {
  return invalid('LAKE_BAD_NAME', `${JSON.stringify(text.slice(0, nameBytesMax))} is not a table name: ${why}`);
}
