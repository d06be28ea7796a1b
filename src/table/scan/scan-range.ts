/**
 * What a batch read of changes reads: the changes of some snapshots one after the other, or what differs between two.
 *
 * @see Paimon 1.4.2 AbstractDataTableScan.createIncrementalStartingScanner, IncrementalDeltaStartingScanner,
 * IncrementalDiffStartingScanner
 */
import { mapBounded } from '../../base/concurrency.ts';
import { invalid, unsupported } from '../../base/errors.ts';
import { booleanOption, integerOption, wordOption } from '../../format/option-values.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { floorDiv, nanosPerMilli, parseTimestamp } from '../../types/time.ts';
import { latestSnapshot, listSnapshots, listTags, snapshotById, snapshotOfTag } from '../snapshots.ts';
import type { Table } from '../table.ts';
import { periodNames } from '../tags/auto-tag-options.ts';

/** Both ends are states of the table: what the first has is not in it, what the last has is. */
export type ScanRange =
  | { readonly kind: 'snapshots'; readonly of: 'delta' | 'changelog'; readonly snapshots: readonly Snapshot[] }
  | { readonly kind: 'difference'; readonly before: Snapshot; readonly after: Snapshot };

export const rangeKeys = ['incremental-between', 'incremental-between-timestamp', 'incremental-to-auto-tag'] as const;

type Mode = 'auto' | 'delta' | 'changelog' | 'diff';

const snapshotsAtOnceMax = 16;
const noChanges: ScanRange = { kind: 'snapshots', of: 'delta', snapshots: [] };

/**
 * @throws LakeError `invalid` LAKE_BAD_OPTION, LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED; `unsupported` for two
 * states with different numbers of buckets
 */
export async function scanRangeOf(table: Table, key: (typeof rangeKeys)[number]): Promise<ScanRange> {
  const { options } = table.schema;
  const text = options[key] ?? '';
  const mode = wordOption(options, 'incremental-between-scan-mode', ['auto', 'delta', 'changelog', 'diff']) ?? 'auto';
  if (key === 'incremental-to-auto-tag') return sinceTagBefore(table, text.trim());
  const [first = '', last = '', ...more] = text.split(',').map(part => part.trim());
  if (first === '' || last === '' || more.length > 0) {
    throw bad(`option ${key} = '${text}' must name two states with a comma between them; the first is not read`);
  }
  if (key === 'incremental-between-timestamp') {
    return betweenTimes(table, { first: millisOf(key, first), last: millisOf(key, last), mode });
  }
  const tags = new Set(await listTags(table));
  if (tags.has(first) && tags.has(last)) return betweenTags(table, { first, last, mode });
  if (!/^\d{1,15}$/.test(first) || !/^\d{1,15}$/.test(last)) {
    throw bad(`option ${key} = '${text}': these are neither two tags of ${table.label} nor two numbers of snapshots`);
  }
  return betweenIds(table, { first: Number(first), last: Number(last), mode });
}

type Between<T> = { readonly first: T; readonly last: T; readonly mode: Mode };

async function betweenTags(table: Table, { first, last, mode }: Between<string>): Promise<ScanRange> {
  const [before, after] = [await snapshotOfTag(table, first), await snapshotOfTag(table, last)];
  if (booleanOption(table.schema.options, 'incremental-between-tag-to-snapshot', false)) {
    return betweenIds(table, { first: before.id, last: after.id, mode: mode === 'diff' ? 'auto' : mode });
  }
  if (after.id < before.id) throw bad(`tag ${last} is of snapshot ${after.id}, before ${before.id} of tag ${first}`);
  return before.id === after.id ? noChanges : difference(table, before, after);
}

async function betweenIds(table: Table, { first, last, mode }: Between<number>): Promise<ScanRange> {
  if (last < first) throw bad(`snapshot ${last} is before snapshot ${first}`);
  if (first === last || (await latestSnapshot(table)) === undefined) return noChanges;
  if (mode === 'diff') return difference(table, await snapshotById(table, first), await snapshotById(table, last));
  // The newest first: it tells at once that a number is too large.
  await snapshotById(table, last);
  const ids = Array.from({ length: last - first }, (_, index) => first + 1 + index);
  const snapshots = await mapBounded(ids, snapshotsAtOnceMax, id => snapshotById(table, id));
  return changesOf(table, mode, snapshots);
}

async function betweenTimes(table: Table, { first, last, mode }: Between<number>): Promise<ScanRange> {
  if (last < first) throw bad(`the time ${last} is before the time ${first}`);
  const chain = await listSnapshots(table);
  const [earliest, latest] = [chain[0], chain.at(-1)];
  if (earliest === undefined || latest === undefined) return noChanges;
  if (first === last || first > latest.timeMillis || last < earliest.timeMillis) return noChanges;
  const at = (timeMs: number): Snapshot | undefined => chain.findLast(({ timeMillis }) => timeMillis <= timeMs);
  const [before, after] = [at(first), at(last) ?? latest];
  if (mode === 'diff') return difference(table, before ?? earliest, after);
  const from = before?.id ?? earliest.id - 1;
  return changesOf(
    table,
    mode,
    chain.filter(({ id }) => id > from && id <= after.id),
  );
}

/** What came between an automatic tag and the one before it, however far back that is. */
async function sinceTagBefore(table: Table, last: string): Promise<ScanRange> {
  const names = periodNames(table.schema);
  const endMs = names.parse(last);
  if (endMs === undefined) throw bad(`'${last}' is no name that automatic tags of ${table.label} have`);
  const tags = await listTags(table);
  if (!tags.includes(last)) return noChanges;
  const before = tags
    .map(name => ({ name, timeMs: names.parse(name) }))
    .filter(({ timeMs }) => timeMs !== undefined && timeMs < endMs)
    .toSorted((a, b) => (a.timeMs ?? 0) - (b.timeMs ?? 0))
    .at(-1);
  if (before === undefined) return noChanges;
  return difference(table, await snapshotOfTag(table, before.name), await snapshotOfTag(table, last));
}

/** Overwrites are no changes of rows, and of files that were added only those of an append. */
function changesOf(table: Table, mode: Exclude<Mode, 'diff'>, snapshots: readonly Snapshot[]): ScanRange {
  const ofProducer = table.options.changelogProducer === 'none' ? 'delta' : 'changelog';
  const of = mode === 'auto' ? ofProducer : mode;
  const counts = ({ commitKind }: Snapshot): boolean =>
    of === 'delta' ? commitKind === 'APPEND' : commitKind !== 'OVERWRITE';
  return { kind: 'snapshots', of, snapshots: snapshots.filter(counts) };
}

async function difference(table: Table, before: Snapshot, after: Snapshot): Promise<ScanRange> {
  const bucketsOf = async ({ schemaId }: Snapshot): Promise<number> =>
    integerOption((await table.schemas.get(schemaId)).options, 'bucket', -2) ?? -1;
  const [first, last] = [await bucketsOf(before), await bucketsOf(after)];
  if (first === last) return { kind: 'difference', before, after };
  throw unsupported(`the difference of states with ${first} and ${last} buckets`, table.label);
}

/** Milliseconds, or a time as `2024-01-31 10:20:30`, in UTC. */
export function millisOf(key: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const nanos = parseTimestamp(text);
  if (nanos !== undefined) return Number(floorDiv(nanos, nanosPerMilli));
  throw bad(`option ${key}: '${text}' is no time; write milliseconds or '2024-01-31 10:20:30.123', in UTC`);
}

function bad(message: string): Error {
  return invalid('LAKE_BAD_OPTION', message);
}
