/**
 * What holds files of a table besides the line that expires: tags of every line, changelogs that outlived their snapshots,
 * the snapshots of the other lines; and the line's consumers, which hold the snapshots themselves (DESIGN R2).
 */
import { mapBounded } from '../base/concurrency.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import { durationOption } from '../format/option-values.ts';
import { tagFolder } from '../format/paths.ts';
import { decodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import { readConsumers } from '../table/pins.ts';
import type { SnapshotHome } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import { readChain } from './chain.ts';
import type { PinnedSnapshot } from './decide-expiry.ts';
import { readsInParallelMax } from './limits.ts';
import { changelogFiles, linesOf, mainLine, ownLine } from './lines.ts';
import type { Root } from './references.ts';

export type Pins = {
  /** The smallest snapshot that each consumer of the line still wants. */
  readonly consumerIds: readonly number[];
  /** Tags and changelogs of all lines, those of the line itself if they were asked for. */
  readonly roots: readonly HeldRoot[];
  /** The chains of the other lines, each ascending. */
  readonly otherLines: readonly (readonly Snapshot[])[];
};

export type HeldRoot = Root & {
  /** Key, time and size of its file: the same stamp is the same file. */
  readonly stamp: string;
};

export type PinOptions = {
  /** Pins read a moment ago: files that are still the same are not read again. */
  readonly before?: Pins | undefined;
  /** The line's own changelogs hold nothing for whoever takes only what they do not need anyway. */
  readonly withoutOwnChangelogs?: boolean | undefined;
};

export async function readPins(table: Table, options: PinOptions = {}): Promise<Pins> {
  const own = ownLine(table);
  const known = new Map(options.before?.roots.map(root => [root.stamp, root]));
  const main = mainLine(table);
  const rootsOf = async (line: SnapshotHome): Promise<readonly HeldRoot[]> => {
    const tags = await tagsOf(line, known);
    if (options.withoutOwnChangelogs === true && line.metaPath === own.metaPath) return tags;
    return [...tags, ...(await changelogsOf(line, known))];
  };
  // Before the branches are listed: a branch is made out of a tag, which may go as soon as the branch is there.
  const roots = [...(await rootsOf(main))];
  const otherLines: (readonly Snapshot[])[] = [];
  for (const line of await linesOf(table)) {
    if (line.metaPath !== main.metaPath) roots.push(...(await rootsOf(line)));
    if (line.metaPath === own.metaPath) continue;
    const chain = await readChain(line, Number.POSITIVE_INFINITY);
    otherLines.push(chain.lowest.map(({ snapshot }) => snapshot));
  }
  return { consumerIds: await consumerIdsOf(table), roots, otherLines };
}

/** Snapshots that somebody holds besides the line itself. */
export function pinnedSnapshots({ roots, otherLines }: Pins): readonly PinnedSnapshot[] {
  const held = [...roots.map(({ snapshot }) => snapshot), ...otherLines.flat()];
  return held.map(({ id, deltaManifestList }) => ({ id, identity: deltaManifestList }));
}

/** Whether two readings of the pins hold the same files. */
export function samePins(a: Pins, b: Pins): boolean {
  const marksOf = ({ roots, otherLines }: Pins): string =>
    JSON.stringify([
      roots.map(({ stamp }) => stamp),
      otherLines.map(line => [line[0], line.at(-1)].map(snapshot => snapshot?.deltaManifestList)),
    ]);
  return marksOf(a) === marksOf(b);
}

export async function tagsOf(line: SnapshotHome, known: ReadonlyMap<string, HeldRoot>): Promise<readonly HeldRoot[]> {
  const tags: { readonly key: string; readonly stamp: string }[] = [];
  for await (const page of line.store.list(`${line.metaPath}/${tagFolder}/tag-`)) {
    for (const object of page.objects) tags.push({ key: object.key, stamp: stampOf(object) });
  }
  return readRoots(line, tags, 'tag', known);
}

export async function changelogsOf(
  line: SnapshotHome,
  known: ReadonlyMap<string, HeldRoot>,
): Promise<readonly HeldRoot[]> {
  const { files } = await changelogFiles(line);
  return readRoots(
    line,
    files.map(file => ({ key: file.key, stamp: stampOf(file) })),
    'changelog',
    known,
  );
}

export function stampOf(object: {
  readonly key: string;
  readonly lastModifiedMs: number;
  readonly sizeBytes: number;
}): string {
  return `${object.key}@${object.lastModifiedMs}+${object.sizeBytes}`;
}

async function readRoots(
  line: SnapshotHome,
  files: readonly { readonly key: string; readonly stamp: string }[],
  kind: 'tag' | 'changelog',
  known: ReadonlyMap<string, HeldRoot>,
): Promise<readonly HeldRoot[]> {
  const read = await mapBounded(files, readsInParallelMax, async ({ key, stamp }): Promise<HeldRoot | undefined> => {
    const same = known.get(stamp);
    if (same !== undefined) return same;
    const object = await line.store.get(key, { bytesMax: jsonBytesMax });
    // Removed between the listing and the look.
    if (object === undefined) return undefined;
    return { kind, snapshot: decodeSnapshot(object.bytes, key), stamp };
  });
  return read.filter(root => root !== undefined);
}

/** Consumers that have not been heard of for `consumer.expiration-time` hold nothing. */
export async function consumerIdsOf(table: Table): Promise<readonly number[]> {
  const consumers = await readConsumers(ownLine(table));
  const expiresMs = durationOption(table.schema.options, 'consumer.expiration-time') ?? Number.POSITIVE_INFINITY;
  const nowMs = table.storeTimeMs();
  return consumers
    .filter(({ lastModifiedMs }) => nowMs - lastModifiedMs <= expiresMs)
    .map(({ nextSnapshot }) => nextSnapshot);
}
