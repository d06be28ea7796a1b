/**
 * Plans what goes with a range of snapshots (DESIGN R1, spec 10.6), or with changelogs that had outlived theirs (10.7).
 *
 * Data files are found by the deltas: what the snapshot after an expired one has deleted was the expired one's last need of
 * it. None of it goes while the first kept snapshot, a tag, a changelog or another line names it as live; the deltas alone
 * should never say so of the first kept one, but then it would be data that is lost.
 */
import { mapBounded } from '../base/concurrency.ts';
import { deserializeRow } from '../format/binary-row.ts';
import type { ManifestEntry } from '../format/manifest.ts';
import { indexPath, manifestPath, statisticsPath } from '../format/paths.ts';
import type { Snapshot } from '../format/snapshot.ts';
import type { PlacedFile } from '../table/live-files.ts';
import type { ManifestFilter } from '../table/manifests.ts';
import { partitionPruner } from '../table/partition-pruning.ts';
import { dataFileKey } from '../table/read/file-source.ts';
import { partitionTypes, type Table } from '../table/table.ts';
import { tableObjectKey } from '../table/table-objects.ts';
import { filesRemovedBy, isCompacted, withoutNeeded } from './decide-removal.ts';
import { rootsInParallelMax } from './limits.ts';
import type { Pins } from './pins.ts';
import {
  type AddedOptions,
  addedNames,
  addNamedFiles,
  addNames,
  eachManifest,
  type ListPart,
  liveNames,
  manifestsOfRoot,
  noFiles,
  type Root,
} from './references.ts';

export type RemovalRange = {
  /** Ascending, without gaps. */
  readonly expired: readonly Snapshot[];
  /** The first that stays, right above them. */
  readonly kept: Snapshot;
  /** The first at or above `kept` that carries properties of ours: what it names of our own objects is carried on. */
  readonly keptOwn: Snapshot;
  /** Whether their changelogs outlive them, and what these are read from with them. */
  readonly changelogs: 'go' | 'stay';
};

export type ChangelogRange = {
  /** Ascending. */
  readonly going: readonly Snapshot[];
  /** The first that stays; undefined: none does. */
  readonly next: Snapshot | undefined;
  /** The oldest snapshot, above them all. */
  readonly kept: Snapshot;
};

/** Bytes by key. */
export type Removal = {
  /** Data files, changelog files and files beside them. */
  readonly data: ReadonlyMap<string, number>;
  /** Manifests, lists, indexes, statistics, our own objects: after the data. */
  readonly metadata: ReadonlyMap<string, number>;
};

/** @throws LakeError `corrupt` LAKE_FILE_MISSING when what is kept names a file that is not there: then nothing may go */
export async function planRemoval(table: Table, range: RemovalRange, pins: Pins): Promise<Removal> {
  const going = range.expired.map((snapshot): Root => ({ kind: 'expired', snapshot, parts: goingParts(table, range) }));
  const kept = [range.kept, range.keptOwn].map(staying);
  return {
    data: await dataOf(table, range, pins),
    metadata: await metadataOf(table, going, [...kept, ...holding(pins)]),
  };
}

/**
 * What goes with changelogs, as ExpireChangelogImpl and ChangelogDeletion of Paimon 1.4.2 have it: their changelog files,
 * what their deltas took out of the table and was only kept for the changelogs before, and their lists.
 *
 * @throws LakeError `corrupt` LAKE_FILE_MISSING as above
 */
export async function planChangelogRemoval(table: Table, range: ChangelogRange, pins: Pins): Promise<Removal> {
  const { going, next, kept } = range;
  const candidates = new Candidates(table);
  const roots = going.map((snapshot): Root => ({ kind: 'changelog', snapshot }));
  for (const root of roots) {
    await addRemoved(table, root, { to: candidates, takes: isAppended });
    await addChangelogFiles(table, root, candidates);
  }
  // Nobody comes to its delta later than now when no changelog is left below it.
  if (next === undefined) await addRemoved(table, staying(kept), { to: candidates, takes: isAppended });
  const held: Root[] = [staying(kept), ...holding(pins)];
  if (next !== undefined) held.push({ kind: 'changelog', snapshot: next });
  return {
    data: candidates.isEmpty ? new Map() : candidates.without(await neededNames(table, kept, pins, candidates)),
    metadata: await metadataOf(table, roots, held),
  };
}

/** The lists of a snapshot that changes are still read from stay. */
function goingParts(table: Table, { changelogs }: RemovalRange): readonly ListPart[] {
  if (changelogs === 'go') return ['base', 'delta', 'changelog'];
  return readsDeltas(table) ? [] : ['base', 'delta'];
}

/** Without a changelog producer changes are read from deltas. */
function readsDeltas({ options }: Table): boolean {
  return options.changelogProducer === 'none';
}

async function dataOf(table: Table, range: RemovalRange, pins: Pins): Promise<ReadonlyMap<string, number>> {
  const candidates = new Candidates(table);
  const [, ...above] = range.expired;
  const isChange = range.changelogs === 'stay' && readsDeltas(table);
  const into = { to: candidates, takes: isChange ? isCompacted : () => true };
  await mapBounded(above, rootsInParallelMax, snapshot => addRemoved(table, { kind: 'expired', snapshot }, into));
  await addRemoved(table, staying(range.kept), into);
  if (range.changelogs === 'go') {
    for (const snapshot of range.expired) await addChangelogFiles(table, { kind: 'expired', snapshot }, candidates);
  }
  if (candidates.isEmpty) return new Map();
  return candidates.without(await neededNames(table, range.kept, pins, candidates));
}

type Into = { readonly to: Candidates; readonly takes: (file: PlacedFile) => boolean };

async function addRemoved(table: Table, root: Root, { to, takes }: Into): Promise<void> {
  const isNeeded = root.kind === 'snapshot';
  const metas = await manifestsOfRoot(table, root, ['delta']);
  const delta: ManifestEntry[] = [];
  for await (const entries of eachManifest(table, metas, { isNeeded })) delta.push(...entries);
  for (const file of filesRemovedBy(delta)) if (takes(file)) to.add(file);
}

async function addChangelogFiles(table: Table, root: Root, to: Candidates): Promise<void> {
  const metas = await manifestsOfRoot(table, root, ['changelog']);
  for await (const entries of eachManifest(table, metas, { isNeeded: false })) {
    for (const entry of entries) if (entry.kind === 'add') to.add(entry);
  }
}

function isAppended(file: PlacedFile): boolean {
  return !isCompacted(file);
}

function holding({ roots, otherLines }: Pins): readonly Root[] {
  return [...roots, ...otherLines.flat().map(staying)];
}

/** Everything that such a snapshot names is to be there. */
function staying(snapshot: Snapshot): Root {
  return { kind: 'snapshot', snapshot };
}

/** Among the candidates. */
async function neededNames(table: Table, kept: Snapshot, pins: Pins, candidates: Candidates): Promise<Set<string>> {
  const filter = candidates.filter();
  const needed = new Set<string>();
  const addLive = async (root: Root): Promise<void> => {
    const metas = await manifestsOfRoot(table, root, ['base', 'delta']);
    for (const name of await liveNames(table, metas, filter)) needed.add(name);
  };
  const addAdded = async (root: Root, parts: readonly ListPart[], takes?: AddedOptions['takes']): Promise<void> => {
    const metas = await manifestsOfRoot(table, root, parts);
    for (const name of await addedNames(table, metas, { isNeeded: root.kind === 'snapshot', takes })) needed.add(name);
  };
  await addLive(staying(kept));
  for (const root of pins.roots) {
    if (root.kind === 'tag') {
      await addLive(root);
    } else {
      await addAdded(root, ['delta'], isAppended);
      await addAdded(root, ['changelog']);
    }
  }
  for (const [oldest, ...later] of pins.otherLines) {
    if (oldest === undefined) continue;
    await addLive(staying(oldest));
    await addAdded(staying(oldest), ['changelog']);
    await mapBounded(later, rootsInParallelMax, snapshot => addAdded(staying(snapshot), ['delta', 'changelog']));
  }
  return needed;
}

async function metadataOf(
  table: Table,
  goingRoots: readonly Root[],
  heldRoots: readonly Root[],
): Promise<ReadonlyMap<string, number>> {
  const [going, needed] = [noFiles(), noFiles()];
  await mapBounded([...goingRoots], rootsInParallelMax, root => addNamedFiles(table, root, going));
  await mapBounded([...heldRoots], rootsInParallelMax, root => addNamedFiles(table, root, needed));
  const keys = new Map<string, number>();
  const addKeys = (names: ReadonlyMap<string, number>, keyOf: (name: string) => string): void => {
    for (const [name, bytes] of names) keys.set(keyOf(name), bytes);
  };
  addKeys(withoutNeeded(going.manifests, needed.manifests), name => `${table.path}/${manifestPath(name)}`);
  addKeys(withoutNeeded(going.indexes, needed.indexes), name => `${table.path}/${indexPath(name)}`);
  addKeys(withoutNeeded(going.statistics, needed.statistics), name => `${table.path}/${statisticsPath(name)}`);
  addKeys(withoutNeeded(going.objects, needed.objects), name => tableObjectKey(table, name));
  return keys;
}

/** Files that may go. */
class Candidates {
  readonly #table: Table;
  readonly #files = new Map<string, PlacedFile>();
  /** Of the files and of those beside them. */
  readonly names = new Set<string>();

  constructor(table: Table) {
    this.#table = table;
  }

  get isEmpty(): boolean {
    return this.names.size === 0;
  }

  /** A file at an external path lies in another store: it is not ours to remove. */
  add(file: PlacedFile): void {
    if (file.file.externalPath !== undefined) return;
    this.#files.set(file.file.fileName, file);
    addNames(file, this.names);
  }

  /** Passes what speaks of them. */
  filter(): ManifestFilter {
    const files = [...this.#files.values()];
    const partitions = new Map(files.map(({ partition }) => [Buffer.from(partition).toString('latin1'), partition]));
    return {
      buckets: new Set(files.map(({ bucket }) => bucket)),
      mayMatch: partitionPruner([...partitions.values()], partitionTypes(this.#table.schema)),
      matches: ({ file }) => this.#files.has(file.fileName),
    };
  }

  without(needed: ReadonlySet<string>): ReadonlyMap<string, number> {
    const types = partitionTypes(this.#table.schema);
    const keys = new Map<string, number>();
    for (const { partition, bucket, file } of this.#files.values()) {
      const place = { partitionValues: deserializeRow(partition, types), bucket };
      const going: readonly (readonly [string, number])[] = [
        [file.fileName, file.fileSize],
        ...file.extraFiles.map(name => [name, 0] as const),
      ];
      for (const [name, bytes] of going) {
        if (!needed.has(name)) keys.set(dataFileKey(this.#table, place, name), bytes);
      }
    }
    return keys;
  }
}
