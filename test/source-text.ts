/**
 * A modest reader of TypeScript source for the architecture test: which files there are, what each imports, and its code
 * without comments and strings. It knows no grammar: a regular expression with a quote in it may hide the rest of its line.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot: string = fileURLToPath(new URL('..', import.meta.url));

export type SourceFile = {
  /** From the repository's root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** The text with comments and the inside of quoted strings blanked; line numbers are kept. */
  readonly code: string;
  /** What is imported, as written. */
  readonly imports: readonly string[];
};

/** `.git` is a file where a repository has several work trees. */
const leftOut: ReadonlySet<string> = new Set(['node_modules', 'dist', '.cache', '.git', '.serverless', 'coverage']);

/** Every file below a folder of the repository, or the folder's own name when it is a file; not what is built or fetched. */
export function filesBelow(folder: string): readonly string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(repositoryRoot, folder), { withFileTypes: true })) {
    if (leftOut.has(entry.name)) continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      found.push(...filesBelow(path));
    } else if (entry.isFile()) {
      found.push(path);
    }
  }
  return found;
}

export function readSource(path: string): SourceFile {
  return sourceOf(path, readFileSync(join(repositoryRoot, path), 'utf8'));
}

export function sourceOf(path: string, text: string): SourceFile {
  const code = withoutComments(text);
  return { path, text, code: withoutStrings(code), imports: importsOf(code) };
}

/** Blanks `//` and block comments. A comment sign within a quoted string, or behind a backslash, is none. */
function withoutComments(text: string): string {
  const pattern =
    /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|(?<![\\:/])\/\/[^\n]*|(?<=^|[\s(,{[=:;|&?])\/\*[\s\S]*?\*\//gm;
  return text.replace(pattern, found => (found.startsWith('/') ? found.replace(/[^\n]/g, ' ') : found));
}

function withoutStrings(code: string): string {
  return code.replace(/(['"])(?:(?!\1)[^\\\n]|\\.)*\1/g, found => `''${' '.repeat(found.length - 2)}`);
}

/** Statements begin a line; what looks like one within a template that spans lines is taken for one. */
function importsOf(code: string): readonly string[] {
  const statement =
    /^\s*(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*(['"])([^'"\n]+)\1|\bimport\s*\(\s*(['"])([^'"\n]+)\3/gm;
  return [...code.matchAll(statement)].flatMap(found => found[2] ?? found[4] ?? []);
}

/** The package of an import: `@scope/name` or `name`; undefined for a file or a part of Node. */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
