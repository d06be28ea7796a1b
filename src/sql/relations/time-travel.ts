/** Which state of a table a reference means: the newest, or what its hint or its point in time says. */
import { invalid, unsupported } from '../../base/errors.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import {
  latestSnapshot,
  listSnapshots,
  snapshotAtTimestamp,
  snapshotById,
  snapshotOfTag,
} from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { floorDiv, nanosPerMilli, parseTimestamp } from '../../types/time.ts';
import type { TimeTravel } from '../parser/statement.ts';

export type TableState = {
  /** undefined: the table has none yet. */
  readonly snapshot: Snapshot | undefined;
  /** The schema rows come out in: the snapshot's own when time is travelled, else the table's newest. */
  readonly schema: TableSchema;
  /** Whether what the log has above the snapshot belongs to it. */
  readonly withLog: boolean;
  /** Only files of this level; undefined: all that a read of the table has. */
  readonly level?: number | undefined;
};

/** Options that name a point in the table's history; at most one at a time. */
const points: readonly string[] = [
  'scan.snapshot-id',
  'scan.tag-name',
  'scan.version',
  'scan.timestamp-millis',
  'scan.timestamp',
];

/** Modes that read everything as of one point; the others follow a table and are for subscriptions. */
const fullModes: readonly string[] = ['default', 'latest-full', 'full', 'latest', 'compacted-full'];
const pointModes: readonly string[] = ['from-snapshot', 'from-snapshot-full', 'from-timestamp'];

/**
 * @param travel undefined: nothing was said, so the newest
 * @throws LakeError `invalid` LAKE_BAD_OPTION, LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED, LAKE_TAG_NOT_FOUND
 */
export async function tableState(table: Table, travel: TimeTravel | undefined): Promise<TableState> {
  const options = travel?.options ?? {};
  const given = points.filter(key => options[key] !== undefined);
  checkOptions(options, given, travel?.timestamp);
  if (travel?.timestamp !== undefined) return stateAt(table, await atTime(table, travel.timestamp));
  const [key] = given;
  if (key !== undefined) return stateAt(table, await snapshotAt(table, key, options[key] ?? ''));
  const mode = options['scan.mode'] ?? 'default';
  const snapshot = mode === 'compacted-full' ? await newestCompacted(table) : await latestSnapshot(table);
  return { snapshot, schema: table.schema, withLog: mode === 'default' };
}

function checkOptions(
  options: Readonly<Record<string, string>>,
  given: readonly string[],
  timestamp: string | undefined,
): void {
  for (const key of Object.keys(options)) {
    if (key !== 'scan.mode' && !points.includes(key)) {
      throw badOption(`option ${key} can't be given with a table; there are scan.mode, ${points.join(', ')}`);
    }
  }
  if (given.length + (timestamp === undefined ? 0 : 1) > 1) {
    throw badOption(
      `give one point in time, not ${[...given, ...(timestamp === undefined ? [] : ['FOR SYSTEM_TIME'])].join(' and ')}`,
    );
  }
  const mode = options['scan.mode'];
  if (mode === undefined || (fullModes.includes(mode) && given.length === 0)) return;
  if (!fullModes.includes(mode) && !pointModes.includes(mode)) throw unsupported(`scan.mode = ${mode}`, 'SQL');
  if (!pointModes.includes(mode)) throw badOption(`scan.mode = ${mode} and ${given.join()} contradict each other`);
  if (given.length === 0) throw badOption(`scan.mode = ${mode} needs one of ${points.join(', ')}`);
}

async function stateAt(table: Table, snapshot: Snapshot): Promise<TableState> {
  return { snapshot, schema: await table.schemas.get(snapshot.schemaId), withLog: false };
}

function snapshotAt(table: Table, key: string, value: string): Promise<Snapshot> {
  switch (key) {
    case 'scan.snapshot-id':
      return snapshotById(table, wholeNumber(key, value));
    case 'scan.tag-name':
      return snapshotOfTag(table, value);
    case 'scan.version':
      return /^\d+$/.test(value) ? snapshotById(table, wholeNumber(key, value)) : snapshotOfTag(table, value);
    case 'scan.timestamp-millis':
      return snapshotAtTimestamp(table, wholeNumber(key, value));
    default:
      return atTime(table, value);
  }
}

/** A text like `2024-01-01 10:00:00.5` or `2024-01-01`, in UTC. */
async function atTime(table: Table, text: string): Promise<Snapshot> {
  const nanos = parseTimestamp(text.trim());
  if (nanos === undefined) throw badOption(`'${text}' is no timestamp; write '2024-01-31 10:20:30.123', in UTC`);
  return snapshotAtTimestamp(table, Number(floorDiv(nanos, nanosPerMilli)));
}

/** The newest that a compaction left; before the first one, the newest there is. */
async function newestCompacted(table: Table): Promise<Snapshot | undefined> {
  const chain = await listSnapshots(table);
  return chain.findLast(({ commitKind }) => commitKind === 'COMPACT') ?? chain.at(-1);
}

function wholeNumber(key: string, value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw badOption(`option ${key} = '${value}' must be a whole number`);
}

function badOption(message: string): Error {
  return invalid('LAKE_BAD_OPTION', `SQL: ${message}`);
}
