/** What is mutated, what tests it, and what is asked of it: a JSON file, so that a fixture can bring its own. */
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { MessagePlaces } from './find-mutants.ts';

export type Settings = {
  /** Of paths that do not begin with `/`; from the settings file. */
  readonly root: string;
  readonly areas: Readonly<Record<string, Area>>;
  /** Globs of test files that are not to be run though an area names them: too slow, or in processes of their own. */
  readonly testsLeftOut: readonly string[];
  /** A test that takes longer than this without any mutant is not used. */
  readonly testMsMax: number;
  /** How much longer a test may take with a mutant than ten times what it takes without. */
  readonly mutantSlackMs: number;
  readonly killedPercentMin: number;
  /** The file of survivors that are accepted, each with its reason. */
  readonly survivors: string;
  readonly messages: MessagePlaces;
};

/** What is tried together: globs of sources, tests among them left out, and of the tests that they meet. */
export type Area = { readonly sources: readonly string[]; readonly tests: readonly string[] };

/** @throws SyntaxError, or the file system's error */
export function readSettings(file: string): Settings {
  const settings: Settings = JSON.parse(readFileSync(file, 'utf8'));
  return { ...settings, root: resolve(file, '..', settings.root) };
}

export type SourceFile = { readonly file: string; readonly area: string };

export function sourceFiles({ areas, root }: Settings): readonly SourceFile[] {
  return Object.entries(areas).flatMap(([area, { sources }]) =>
    filesOf(root, sources)
      .filter(file => !/\.test\.ts$/.test(file))
      .map(file => ({ file, area })),
  );
}

export function testFiles({ areas, testsLeftOut, root }: Settings, area: string): readonly string[] {
  const leftOut = new Set(filesOf(root, testsLeftOut));
  return filesOf(root, areas[area]?.tests ?? []).filter(file => !leftOut.has(file));
}

function filesOf(root: string, globs: readonly string[]): readonly string[] {
  return [...new Set(globs.flatMap(glob => globSync(glob, { cwd: root })))].toSorted();
}
