/**
 * Puts the hint files right (DESIGN S8, spec 3.2), of snapshots and of changelogs that outlive them. Java's readers believe
 * `LATEST` when the number above it is not there, and `EARLIEST` when its file is.
 */
import { isLakeError } from '../base/errors.ts';
import { equalBytes } from '../bytes/compare.ts';
import {
  changelogEarliestHintPath,
  changelogLatestHintPath,
  earliestHintPath,
  latestHintPath,
} from '../format/paths.ts';
import { listChangelogIds } from '../table/changelog/change-source.ts';
import type { SnapshotHome } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import { readChain } from './chain.ts';
import { ownLine } from './lines.ts';
import { done, type RunEnd, runToEnd } from './receipt.ts';

export type HintReceipt = RunEnd & {
  readonly label: string;
  /** The ids that the hints now say; undefined: there is no snapshot to point to. */
  readonly latest: number | undefined;
  readonly earliest: number | undefined;
  /** `LATEST` and `EARLIEST` of snapshots, those of changelogs with their folder. */
  readonly changed: readonly string[];
};

export async function repairHints(table: Table): Promise<HintReceipt> {
  const line = ownLine(table);
  const changed: string[] = [];
  let [latest, earliest]: (number | undefined)[] = [];
  const put = async (path: string, id: number): Promise<void> => {
    if (await writeHint(line, path, id)) changed.push(path.replace(/^snapshot\//, ''));
  };
  const end = await runToEnd(async () => {
    const { ids } = await readChain(line, 2);
    latest = ids.at(-1);
    earliest = ids[0];
    if (latest === undefined || earliest === undefined) return done;
    await put(latestHintPath, latest);
    await put(earliestHintPath, earliest);
    if (!table.options.changelogs.isDecoupled) return done;
    const changelogIds = await listChangelogIds(line);
    const [first, last] = [changelogIds[0], changelogIds.at(-1)];
    if (first === undefined || last === undefined) return done;
    await put(changelogLatestHintPath, last);
    await put(changelogEarliestHintPath, first);
    return done;
  });
  return { ...end, label: table.label, latest, earliest, changed };
}

/** Writes a hint unless it says so already. */
export async function writeHint(line: SnapshotHome, path: string, id: number): Promise<boolean> {
  const key = `${line.metaPath}/${path}`;
  const bytes = new TextEncoder().encode(String(id));
  if (await isThere(line, key, bytes)) return false;
  await line.store.put(key, bytes);
  return true;
}

async function isThere(line: SnapshotHome, key: string, bytes: Uint8Array): Promise<boolean> {
  try {
    const object = await line.store.get(key, { bytesMax: bytes.length });
    return object !== undefined && equalBytes(object.bytes, bytes);
  } catch (error) {
    if (isLakeError(error, 'LAKE_OBJECT_TOO_LARGE')) return false;
    throw error;
  }
}
