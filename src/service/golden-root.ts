/**
 * A golden root: tables that Apache Paimon wrote, what a reader must see in them, and what was written, laid out as
 *
 *   warehouse/DB.db/T/…                the tables
 *   expected/T/latest.jsonl            rows as canonical JSON lines, sorted by their bytes
 *   expected/T/snapshot-N.jsonl        the same of a snapshot, under that snapshot's schema
 *   expected/T/tag-X.jsonl             … of a tag
 *   expected/T/changes-N.jsonl         row kind and row of what snapshot N changed, under the newest schema
 *   expected/T/branch-B/…              … of a branch
 *   ops/T.jsonl                        what was written, commit by commit
 */
import { corrupt, invalid } from '../base/errors.ts';
import { isJsonObject, parseJson } from '../base/json.ts';
import { childFolders, firstKey } from '../catalog/folders.ts';
import type { ObjectStore } from '../storage/object-store.ts';

/** One state of a table and the lines it must have. */
export type GoldenCase =
  | { readonly kind: 'latest'; readonly key: string }
  | { readonly kind: 'snapshot' | 'changes'; readonly id: number; readonly key: string }
  | { readonly kind: 'tag'; readonly tag: string; readonly key: string };

export type GoldenCases = {
  /** undefined: the table itself. */
  readonly branch: string | undefined;
  readonly cases: readonly GoldenCase[];
};

/** Names of the tables with expected rows, or those asked for. @throws LakeError LAKE_GOLDEN_NOT_FOUND */
export async function goldenTables(
  root: ObjectStore,
  wanted: readonly string[] | undefined,
): Promise<readonly string[]> {
  return chosen(root, await collect(childFolders(root, 'expected/')), wanted);
}

/** Names of the tables with something to replay, or those asked for. @throws LakeError LAKE_GOLDEN_NOT_FOUND */
export async function goldenReplays(
  root: ObjectStore,
  wanted: readonly string[] | undefined,
): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const page of root.list('ops/')) {
    for (const { key } of page.objects) {
      const name = /^ops\/([^/]+)\.jsonl$/.exec(key)?.[1];
      if (name !== undefined) names.push(name);
    }
  }
  return chosen(root, names, wanted);
}

function chosen(root: ObjectStore, there: readonly string[], wanted: readonly string[] | undefined): readonly string[] {
  if (there.length === 0) throw invalid('LAKE_GOLDEN_NOT_FOUND', `${root.uri} is not a golden root: it has no tables`);
  const missing = (wanted ?? []).filter(name => !there.includes(name));
  if (missing.length > 0) throw invalid('LAKE_GOLDEN_NOT_FOUND', `${root.uri} has no table ${missing.join(', ')}`);
  return wanted ?? there;
}

/** The database that has the table. @throws LakeError LAKE_GOLDEN_NOT_FOUND */
export async function databaseOf(root: ObjectStore, table: string): Promise<string> {
  for await (const folder of childFolders(root, 'warehouse/')) {
    if (!folder.endsWith('.db')) continue;
    if ((await firstKey(root, `warehouse/${folder}/${table}/schema/schema-`)) !== undefined) return folder.slice(0, -3);
  }
  throw invalid('LAKE_GOLDEN_NOT_FOUND', `${root.uri}/warehouse has no table ${table}`);
}

/** The states of a table that are known, the table itself first, then its branches. */
export async function goldenCases(root: ObjectStore, table: string): Promise<readonly GoldenCases[]> {
  const prefix = `expected/${table}/`;
  const byBranch = new Map<string | undefined, GoldenCase[]>([[undefined, []]]);
  for await (const page of root.list(prefix)) {
    for (const { key } of page.objects) {
      const [, branch, name = ''] = /^(?:branch-([^/]+)\/)?([^/]+)\.jsonl$/.exec(key.slice(prefix.length)) ?? [];
      const found = caseOf(name, key);
      if (found === undefined) continue;
      const cases = byBranch.get(branch) ?? [];
      cases.push(found);
      byBranch.set(branch, cases);
    }
  }
  return [...byBranch].map(([branch, cases]) => ({ branch, cases: cases.toSorted((a, b) => rank(a) - rank(b)) }));
}

/** The newest state first: what a table refuses it says there. */
function rank({ kind }: GoldenCase): number {
  return kind === 'latest' ? 0 : 1;
}

function caseOf(name: string, key: string): GoldenCase | undefined {
  if (name === 'latest') return { kind: 'latest', key };
  const [, kind, rest = ''] = /^(snapshot|changes|tag)-(.+)$/s.exec(name) ?? [];
  if (kind === 'tag') return { kind, tag: rest, key };
  if ((kind === 'snapshot' || kind === 'changes') && /^\d{1,15}$/.test(rest)) return { kind, id: Number(rest), key };
  return undefined;
}

/** The kinds of a table's snapshots, by id, as far as `expected/T/info.json` tells them. */
export async function goldenKinds(root: ObjectStore, table: string): Promise<ReadonlyMap<number, string>> {
  const object = await root.get(`expected/${table}/info.json`);
  if (object === undefined) return new Map();
  const info = parseJson(new TextDecoder().decode(object.bytes));
  const snapshots = isJsonObject(info) ? info['snapshots'] : undefined;
  const kinds = new Map<number, string>();
  for (const snapshot of Array.isArray(snapshots) ? snapshots : []) {
    if (!isJsonObject(snapshot)) continue;
    const { id, kind } = snapshot;
    if (typeof id === 'number' && typeof kind === 'string') kinds.set(id, kind);
  }
  return kinds;
}

/** The lines of a file of the root. @throws LakeError LAKE_GOLDEN_NOT_FOUND */
export async function goldenLines(root: ObjectStore, key: string): Promise<readonly string[]> {
  const object = await root.get(key);
  if (object === undefined) throw corrupt('LAKE_GOLDEN_NOT_FOUND', `${root.uri} has no ${key}`);
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    .decode(object.bytes)
    .split('\n')
    .filter(line => line !== '');
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
