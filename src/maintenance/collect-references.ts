/**
 * The names of everything that a table's roots name (DESIGN R4): of every snapshot of every line, of tags, of changelogs that
 * outlived their snapshots. Anything missing on the way ends the collection (R3).
 */
import { mapBounded } from '../base/concurrency.ts';
import type { ManifestFileMeta } from '../format/manifest.ts';
import type { Snapshot } from '../format/snapshot.ts';
import type { SnapshotHome } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import { readChain } from './chain.ts';
import { isCompacted } from './decide-removal.ts';
import { rootsInParallelMax } from './limits.ts';
import { changelogsOf, tagsOf } from './pins.ts';
import {
  addedNames,
  addNamedFiles,
  type ListPart,
  liveNames,
  manifestsOfRoot,
  type NamedFiles,
  noFiles,
  type Root,
} from './references.ts';

/** @throws LakeError `corrupt` LAKE_FILE_MISSING */
export async function collectReferences(table: Table, lines: readonly SnapshotHome[]): Promise<ReadonlySet<string>> {
  const collection = new Collection(table);
  for (const line of lines) {
    const chain = await readChain(line, Number.POSITIVE_INFINITY);
    await collection.addChain(chain.lowest.map(({ snapshot }) => snapshot));
    for (const root of await tagsOf(line, new Map())) await collection.addTag(root);
    for (const root of await changelogsOf(line, new Map())) await collection.addChangelog(root);
  }
  return collection.names();
}

class Collection {
  readonly #table: Table;
  readonly #files: NamedFiles = noFiles();
  readonly #dataNames = new Set<string>();

  constructor(table: Table) {
    this.#table = table;
  }

  names(): ReadonlySet<string> {
    const { manifests, indexes, statistics, objects } = this.#files;
    return new Set([
      ...this.#dataNames,
      ...manifests.keys(),
      ...indexes.keys(),
      ...statistics.keys(),
      ...objects.keys(),
    ]);
  }

  /**
   * What lives at the oldest snapshot, and what any manifest that came later adds: nothing lives above it that is in
   * neither. Files that were dead already at the oldest are left out, although old manifests still speak of them.
   */
  async addChain(snapshots: readonly Snapshot[]): Promise<void> {
    const [oldest, ...later] = snapshots;
    if (oldest === undefined) return;
    const first: Root = { kind: 'snapshot', snapshot: oldest };
    const firstManifests = await this.#manifests(first, ['base', 'delta']);
    this.#addData(await liveNames(this.#table, firstManifests));
    const known = new Set(firstManifests.map(({ fileName }) => fileName));
    await this.#addNewlyAdded(first, ['changelog'], known);
    await addNamedFiles(this.#table, first, this.#files);
    await mapBounded(later, rootsInParallelMax, async snapshot => {
      const root: Root = { kind: 'snapshot', snapshot };
      await this.#addNewlyAdded(root, ['base', 'delta', 'changelog'], known);
      await addNamedFiles(this.#table, root, this.#files);
    });
  }

  async addTag(root: Root): Promise<void> {
    this.#addData(await liveNames(this.#table, await this.#manifests(root, ['base', 'delta'])));
    await addNamedFiles(this.#table, root, this.#files);
  }

  /**
   * What is there: without a changelog producer changes are read from the delta, of which the results of compactions are
   * none: expiry takes them as soon as they are out of the table.
   */
  async addChangelog(root: Root): Promise<void> {
    const isThere = { isNeeded: false };
    this.#addData(await addedNames(this.#table, await this.#manifests(root, ['changelog']), isThere));
    const delta = await this.#manifests(root, ['delta']);
    this.#addData(await addedNames(this.#table, delta, { ...isThere, takes: file => !isCompacted(file) }));
    await addNamedFiles(this.#table, root, this.#files);
  }

  /** Of manifests that have not been looked at yet. */
  async #addNewlyAdded(root: Root, parts: readonly ListPart[], known: Set<string>): Promise<void> {
    const metas = (await this.#manifests(root, parts)).filter(({ fileName }) => !known.has(fileName));
    for (const { fileName } of metas) known.add(fileName);
    this.#addData(await addedNames(this.#table, metas));
  }

  #manifests(root: Root, parts: readonly ListPart[]): Promise<readonly ManifestFileMeta[]> {
    return manifestsOfRoot(this.#table, root, parts);
  }

  #addData(names: ReadonlySet<string>): void {
    for (const name of names) this.#dataNames.add(name);
  }
}
