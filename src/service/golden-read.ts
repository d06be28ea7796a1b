/**
 * Reads the tables of a golden root and compares each of their states with what Paimon sees in it: the proof, on any
 * set of tables, that we read what Paimon wrote. Nothing is written.
 */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { openObjectStore } from '../storage/open-object-store.ts';
import { prefixedObjectStore } from '../storage/prefixed-object-store.ts';
import { openTable } from '../table/table.ts';
import { differenceOf, linesOfCase } from './golden-compare.ts';
import { databaseOf, type GoldenCase, goldenCases, goldenLines, goldenTables } from './golden-root.ts';
import { type GoldenVerdict, verdictOfError } from './golden-verdict.ts';

export type GoldenComponents = { readonly clock: Clock; readonly random: Random };

export type GoldenReadRequest = {
  /** Address of the root, as object stores have them: a folder, `file:…`, `s3://…`. */
  readonly root: string;
  /** All that have expected rows unless told otherwise. */
  readonly tables?: readonly string[] | undefined;
};

/** @throws LakeError LAKE_GOLDEN_NOT_FOUND when the root or a table asked for is not there */
export async function* readGolden(
  request: GoldenReadRequest,
  components: GoldenComponents,
): AsyncGenerator<GoldenVerdict, void, undefined> {
  await using root = await openObjectStore(request.root, { local: { access: 'read' } }, components);
  for (const name of await goldenTables(root, request.tables)) yield await readGoldenTable(root, name, components);
}

/** A difference anywhere outweighs a refusal: what is not refused must be right. */
async function readGoldenTable(root: ObjectStore, name: string, components: GoldenComponents): Promise<GoldenVerdict> {
  let refusal: GoldenVerdict | undefined;
  try {
    const database = await databaseOf(root, name);
    for (const { branch, cases } of await goldenCases(root, name)) {
      const where = branch === undefined ? '' : `branch ${branch}, `;
      const store = prefixedObjectStore(root, 'warehouse');
      for (const golden of cases) {
        const table = await openTable(store, { database, name, branch }, components);
        const verdict = await attempt(name, async () =>
          differenceOf(await linesOfCase(table, golden), await goldenLines(root, golden.key)),
        );
        if (verdict.status === 'failed')
          return { ...verdict, detail: `${where}${caseName(golden)}: ${verdict.detail}` };
        if (verdict.status === 'refused') refusal ??= verdict;
      }
    }
  } catch (error) {
    return verdictOfError(name, error);
  }
  return refusal ?? { table: name, status: 'passed', detail: '' };
}

async function attempt(table: string, compare: () => Promise<string | undefined>): Promise<GoldenVerdict> {
  try {
    const difference = await compare();
    return { table, status: difference === undefined ? 'passed' : 'failed', detail: difference ?? '' };
  } catch (error) {
    return verdictOfError(table, error);
  }
}

function caseName(golden: GoldenCase): string {
  switch (golden.kind) {
    case 'latest':
      return 'latest';
    case 'tag':
      return `tag ${golden.tag}`;
    default:
      return `${golden.kind} ${golden.id}`;
  }
}
