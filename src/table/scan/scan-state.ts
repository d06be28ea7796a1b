/**
 * Which state of a table a read means: the newest, or what the options `scan.*` and `incremental-*` say, be they those of
 * the table or given for this use of it.
 *
 * @see Paimon 1.4.2 CoreOptions.startupMode, SchemaValidation.validateStartupMode, AbstractDataTableScan
 */
import { invalid } from '../../base/errors.ts';
import { type OptionMap, textOption, wordOption } from '../../format/option-values.ts';
import { batchCommitIdentifier, type Snapshot } from '../../format/snapshot.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { newestSnapshot } from '../seen-head.ts';
import {
  latestSnapshot,
  listSnapshots,
  listTags,
  snapshotAtTimestamp,
  snapshotById,
  snapshotOfTag,
} from '../snapshots.ts';
import type { Table } from '../table.ts';
import { millisOf, rangeKeys, type ScanRange, scanRangeOf } from './scan-range.ts';

export type ScanState = {
  /** undefined: the table has none yet, or a range is read. */
  readonly snapshot: Snapshot | undefined;
  /** The schema rows come out in: the snapshot's own when time is travelled, else the table's newest. */
  readonly schema: TableSchema;
  /** Whether what the log has above the snapshot belongs to it. */
  readonly withLog: boolean;
  /** Only files of this level; undefined: all that a read of the table has. */
  readonly level?: number | undefined;
  /** Level 0 is merged in even where the table shows only what has been compacted. */
  readonly withLevel0?: boolean | undefined;
  /** Only files that were made at this time or later. */
  readonly createdMsMin?: number | undefined;
  /** Changes instead of a state. */
  readonly range?: ScanRange | undefined;
};

/** The options that each mode goes with, of which exactly one is set. */
const modes = {
  default: [],
  'latest-full': [],
  full: [],
  latest: [],
  'compacted-full': [],
  'from-timestamp': ['scan.timestamp-millis', 'scan.timestamp'],
  'from-snapshot': ['scan.snapshot-id', 'scan.tag-name', 'scan.version', 'scan.watermark'],
  'from-snapshot-full': ['scan.snapshot-id', 'scan.version'],
  'from-file-creation-time': ['scan.file-creation-time-millis'],
  'from-creation-timestamp': ['scan.creation-time-millis'],
  incremental: rangeKeys,
} as const satisfies Readonly<Record<string, readonly string[]>>;

type Mode = keyof typeof modes;
type PointKey = (typeof modes)[Mode][number];

const modeNames = Object.keys(modes).filter((name): name is Mode => Object.hasOwn(modes, name));
const pointKeys: readonly PointKey[] = [...new Set(modeNames.flatMap((mode): readonly PointKey[] => modes[mode]))];
const watermarkPrefix = 'watermark-';

/** What a statement says besides options. */
export type ScanMoment = { readonly timestamp?: string | undefined };

/**
 * @param moment `FOR SYSTEM_TIME AS OF`, the text of a time
 * @throws LakeError `invalid` LAKE_BAD_OPTION, LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED, LAKE_TAG_NOT_FOUND
 */
export async function scanStateOf(table: Table, { timestamp }: ScanMoment = {}): Promise<ScanState> {
  const { options } = table.schema;
  const { mode, key } = modeOf(options, timestamp);
  if (timestamp !== undefined) return scanStateAt(table, await snapshotAtTimestamp(table, textMillis(timestamp)));
  if (key !== undefined) return stateOf(table, key, textOption(options, key) ?? '');
  const snapshot = mode === 'compacted-full' ? await newestCompacted(table) : await newestSnapshot(table);
  return { snapshot, schema: table.schema, withLog: mode === 'default' };
}

/** Whether options say which state is meant. */
export function namesState(options: OptionMap): boolean {
  return (
    pointKeys.some(key => textOption(options, key) !== undefined) || textOption(options, 'scan.mode') !== undefined
  );
}

function modeOf(options: OptionMap, timestamp: string | undefined): { mode: Mode; key: PointKey | undefined } {
  if (textOption(options, 'stream-scan-mode')?.toLowerCase() === 'compact-bucket-table') {
    throw badOption('option stream-scan-mode = compact-bucket-table is for reads that follow a table');
  }
  const given = pointKeys.filter(key => textOption(options, key) !== undefined);
  const mode = wordOption(options, 'scan.mode', modeNames) ?? 'default';
  if (given.length + (timestamp === undefined ? 0 : 1) > 1) {
    const what = [...given, ...(timestamp === undefined ? [] : ['FOR SYSTEM_TIME'])];
    throw badOption(`give one point in time, not ${what.join(' and ')}`);
  }
  const [key] = given;
  const fitting: readonly string[] = mode === 'default' ? pointKeys : modes[mode];
  if (key !== undefined && !fitting.includes(key)) {
    throw badOption(`scan.mode = ${mode} and ${key} contradict each other`);
  }
  if (key === undefined && mode !== 'default' && fitting.length > 0) {
    throw badOption(`scan.mode = ${mode} needs one of ${fitting.join(', ')}`);
  }
  return { mode, key };
}

async function stateOf(table: Table, key: PointKey, value: string): Promise<ScanState> {
  switch (key) {
    case 'scan.snapshot-id':
      return scanStateAt(table, await snapshotById(table, wholeNumber(key, value)));
    case 'scan.tag-name':
      return scanStateAt(table, await snapshotOfTag(table, value));
    case 'scan.version':
      return scanStateAt(table, await snapshotOfVersion(table, value));
    case 'scan.watermark':
      return scanStateAt(table, await snapshotAtWatermark(table, wholeNumber(key, value)));
    case 'scan.timestamp-millis':
      return scanStateAt(table, await snapshotAtTimestamp(table, wholeNumber(key, value)));
    case 'scan.timestamp':
      return scanStateAt(table, await snapshotAtTimestamp(table, textMillis(value)));
    case 'scan.file-creation-time-millis':
      return createdSince(table, wholeNumber(key, value));
    case 'scan.creation-time-millis':
      return firstSince(table, wholeNumber(key, value));
    default: {
      const range = await scanRangeOf(table, key);
      return { snapshot: undefined, schema: table.schema, withLog: false, range };
    }
  }
}

/** A snapshot as it was. */
export async function scanStateAt(table: Table, snapshot: Snapshot): Promise<ScanState> {
  const stored = await table.schemas.get(snapshot.schemaId);
  // Options that are given for this use hold, the others are those the table had then.
  const schema = { ...stored, options: { ...stored.options, ...table.dynamicOptions } };
  return { snapshot, schema, withLog: false };
}

/** The newest state, of files that were made since. */
async function createdSince(table: Table, createdMsMin: number): Promise<ScanState> {
  return { snapshot: await latestSnapshot(table), schema: table.schema, withLog: false, createdMsMin };
}

/** The first state of that time or later; of a time before the first or behind the last, by the age of files. */
async function firstSince(table: Table, timeMs: number): Promise<ScanState> {
  const chain = await listSnapshots(table);
  const first = chain.findIndex(({ timeMillis }) => timeMillis >= timeMs);
  const snapshot = first < 1 ? undefined : chain[first];
  return snapshot === undefined ? createdSince(table, timeMs) : scanStateAt(table, snapshot);
}

/** A tag's name, or a snapshot's number, or `watermark-…`. */
async function snapshotOfVersion(table: Table, version: string): Promise<Snapshot> {
  if ((await listTags(table)).includes(version)) return snapshotOfTag(table, version);
  if (version.startsWith(watermarkPrefix)) {
    return snapshotAtWatermark(table, wholeNumber('scan.version', version.slice(watermarkPrefix.length)));
  }
  return /^\d+$/.test(version)
    ? snapshotById(table, wholeNumber('scan.version', version))
    : snapshotOfTag(table, version);
}

/**
 * The first snapshot whose watermark has come to this.
 *
 * @throws LakeError `invalid` LAKE_SNAPSHOT_NOT_FOUND
 */
export async function snapshotAtWatermark(table: Table, watermark: number): Promise<Snapshot> {
  const chain = await listSnapshots(table);
  const found = chain.find(snapshot => snapshot.watermark !== undefined && snapshot.watermark >= BigInt(watermark));
  if (found !== undefined) return found;
  throw invalid(
    'LAKE_SNAPSHOT_NOT_FOUND',
    `table ${table.label} has no snapshot with a watermark of ${watermark} or later`,
  );
}

/** The newest that a full compaction left, by its number where commits are counted; else the newest there is. */
async function newestCompacted(table: Table): Promise<Snapshot | undefined> {
  const { changelogProducer, fullCompactionCommits } = table.options;
  const isCounted = changelogProducer === 'full-compaction' || fullCompactionCommits !== undefined;
  const every = BigInt(isCounted ? (fullCompactionCommits ?? 1) : 1);
  const chain = await listSnapshots(table);
  const picked = chain.findLast(
    ({ commitKind, commitIdentifier }) =>
      commitKind === 'COMPACT' && (commitIdentifier % every === 0n || commitIdentifier === batchCommitIdentifier),
  );
  return picked ?? chain.at(-1);
}

function textMillis(text: string): number {
  if (/^\d+$/.test(text.trim())) throw badOption(`'${text}' is no timestamp; write '2024-01-31 10:20:30.123', in UTC`);
  return millisOf('scan.timestamp', text.trim());
}

function wholeNumber(key: string, value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw badOption(`option ${key} = '${value}' must be a whole number`);
}

function badOption(message: string): Error {
  return invalid('LAKE_BAD_OPTION', message);
}
