/**
 * Which snapshot brought a record of the log into its table: told by what every snapshot carries, the positions and the
 * producers' numbers that are in (DESIGN I1). Both only go forward, so the first snapshot that has a record is found by
 * halving: one LIST, and a GET for each halving.
 */
import { isLakeError } from '../../base/errors.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { propertiesInForce } from '../../table/commit/look-up.ts';
import { contiguousTop, latestSnapshot, listSnapshotIds, readSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { type DeadLetter, readDeadLetters } from '../ingest/dead-letters.ts';
import { loadState } from '../ingest/load-state.ts';
import { type IngestState, producerKey } from '../ingest/state.ts';
import { decodeRecord } from '../log-record.ts';

/** A record, by its place in the log or by its producer's number. */
export type RecordName =
  | { readonly kind: 'place'; readonly shardId: string; readonly position: bigint }
  | { readonly kind: 'number'; readonly producerId: string; readonly lane: number; readonly number: number };

export type LocatedRecord =
  | {
      readonly status: 'in-table';
      /** The first that has it, of those there still are. */
      readonly snapshot: Snapshot;
      /** Nothing older is there, so it may have come in before. */
      readonly isOldest: boolean;
      /** Why its rows are not among the table's, or some of them; undefined: no dead letter is about it. */
      readonly deadLetter: DeadLetter | undefined;
    }
  /** The newest snapshot does not have it: ingest has not come to it yet, or there is no such record. */
  | { readonly status: 'not-yet'; readonly head: Snapshot | undefined }
  /** The newest snapshot knows nothing of the shard or the lane: it never took of it, or has forgotten it. */
  | { readonly status: 'unknown'; readonly head: Snapshot };

export async function locateRecord(table: Table, name: RecordName): Promise<LocatedRecord> {
  const head = await latestSnapshot(table);
  const state = head === undefined ? undefined : await loadState(table, await propertiesInForce(table, head));
  if (head === undefined || state === undefined) return { status: 'not-yet', head };
  const reached = reachedBy(state, name);
  if (reached === undefined) return { status: 'unknown', head };
  if (!reached) return { status: 'not-yet', head };
  const run = contiguousTop((await listSnapshotIds(table)).ids).filter(id => id <= head.id);
  let [low, high] = [0, run.length - 1];
  let found = head;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const snapshot = await readSnapshot(table, run[middle] ?? 0);
    // One that is gone meanwhile was the oldest.
    const has = snapshot !== undefined && (await hasRecord(table, snapshot, name));
    if (has) {
      found = snapshot;
      high = middle;
    } else low = middle + 1;
  }
  const isOldest = found.id === run[0] && found.id > 1;
  return { status: 'in-table', snapshot: found, isOldest, deadLetter: await letterOf(table, state, name) };
}

/** A snapshot of another writer has what the newest of ours below it says. */
async function hasRecord(table: Table, snapshot: Snapshot, name: RecordName): Promise<boolean> {
  const state = await loadState(table, await propertiesInForce(table, snapshot));
  return state !== undefined && reachedBy(state, name) === true;
}

/** undefined: it is not known. */
function reachedBy(state: IngestState, name: RecordName): boolean | undefined {
  if (name.kind === 'place') {
    const position = state.shards.get(name.shardId)?.position;
    return position === undefined ? undefined : position >= name.position;
  }
  const last = state.producers.get(producerKey(name.producerId, name.lane))?.lastNumber;
  return last === undefined ? undefined : last >= name.number;
}

async function letterOf(table: Table, { deadLetters }: IngestState, name: RecordName): Promise<DeadLetter | undefined> {
  if (deadLetters === undefined) return undefined;
  for await (const letter of readDeadLetters(table, deadLetters)) if (isAbout(letter, name)) return letter;
  return undefined;
}

function isAbout({ shardId, position, data }: DeadLetter, name: RecordName): boolean {
  if (name.kind === 'place') return shardId === name.shardId && position === name.position;
  try {
    const { producerId, bucket, producerNumber } = decodeRecord(data, 'a dead letter').header;
    return producerId === name.producerId && bucket === name.lane && producerNumber === name.number;
  } catch (error) {
    if (isLakeError(error)) return false;
    throw error;
  }
}
