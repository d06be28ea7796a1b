/**
 * The expiry record of a line, `tidelake/expiry`: what keeps runs of expiry that overlap, stall or die from undoing each
 * other. One small object, only ever replaced by compare-and-swap.
 *
 * R1 takes a snapshot file away first and puts it back when a pin shows. Between the two nobody can see from `snapshot/`
 * alone what is meant: another run that has looked at the pins earlier would remove data of what is about to come back, and
 * the orphan cleaner would miss a root. So a run first writes down what it is going to take away (`held`, with the whole
 * text), and after the second look at the pins decides by a swap of the record: everything below `floor` is gone for good,
 * the rest of `held` is to be there. Of two runs one wins this swap; the other touches no data and puts back what it took.
 *
 * - Below `floor` nothing ever comes back: its data may be removed by anybody, at any time.
 * - What is held is a root as long as it is not below the floor, whether or not its file is there; whoever finds the file
 *   missing and does not take it may put it back. So a run that died in between loses nothing.
 */
import { assert, unreachable } from '../base/assert.ts';
import { corrupt, LakeError } from '../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, stringifyJson } from '../base/json.ts';
import { backoffMs } from '../base/retry.ts';
import { parseJsonObject } from '../format/json-file.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import type { SnapshotHome } from './snapshots.ts';
import type { Table } from './table.ts';
import { tableObjectsFolder } from './table-objects.ts';

export type HeldSnapshot = {
  readonly id: number;
  /** The snapshot file, to the letter. */
  readonly text: string;
};

export type ExpiryRecord = {
  /** Snapshots with smaller ids are gone for good. */
  readonly floor: number;
  /** Identity of the snapshot at the floor; undefined: nothing has expired yet. */
  readonly floorIdentity: string | undefined;
  /** Whether a run is between taking away and deciding. It goes on, or has died. */
  readonly isOpen: boolean;
  /** Ascending. */
  readonly held: readonly HeldSnapshot[];
  /** Of changelogs that outlive their snapshots; undefined: none has expired yet. */
  readonly changelogs?: ChangelogMarks | undefined;
};

/** How far changelogs have expired. */
export type ChangelogMarks = {
  /** Those with smaller ids are gone for good. */
  readonly floor: number;
  /** A run is deciding whether those with smaller ids go, too. It goes on, or has died. */
  readonly going: number | undefined;
};

/** A record as it lies in the store; without etag: there is none yet. */
export type StoredRecord = ExpiryRecord & { readonly etag: string | undefined };

/** Sendings of one record before its outcome is given up as unknown. */
export const recordTriesMax = 10;
export const recordBackoff: { readonly delayMsMin: number; readonly delayMsMax: number } = {
  delayMsMin: 20,
  delayMsMax: 2_000,
};

const recordName = 'expiry';
const noRecord: ExpiryRecord = { floor: 1, floorIdentity: undefined, isOpen: false, held: [] };

export function expiryRecordKey(line: SnapshotHome): string {
  return `${line.metaPath}/${tableObjectsFolder}/${recordName}`;
}

/** @throws LakeError `corrupt` LAKE_CORRUPT_EXPIRY_RECORD */
export async function readExpiryRecord(line: SnapshotHome): Promise<StoredRecord> {
  const key = expiryRecordKey(line);
  const object = await line.store.get(key, { bytesMax: jsonBytesMax });
  if (object === undefined) return { ...noRecord, etag: undefined };
  return { ...decode(object.bytes, key), etag: object.etag };
}

/**
 * The record as far as it speaks of the snapshots that are there. Numbers that somebody has given back (a rollback by Java)
 * and used again are not those it means.
 *
 * @param listedIds of the snapshot files, ascending
 * @param identityAt what lies at the floor; undefined: nothing
 */
export function trustedRecord(
  record: StoredRecord,
  listedIds: readonly number[],
  identityAt: string | undefined,
): StoredRecord {
  const head = listedIds.at(-1) ?? 0;
  // Whatever is held has had snapshots above it that stay.
  const isRewound = head < record.floor || record.held.some(({ id }) => id >= head);
  const isOther = identityAt !== undefined && record.floorIdentity !== undefined && identityAt !== record.floorIdentity;
  return isRewound || isOther ? { ...noRecord, etag: record.etag } : record;
}

/**
 * Whether a pin of this snapshot and all above it, which was written before the record was read, holds (R2). That the files
 * are there proves too little: a run that was late may have put them back after another has taken them away again. When no
 * run is deciding about them, each that decides from now on sees the pin.
 */
export function pinIsSeen({ floor, isOpen, held }: ExpiryRecord, id: number): boolean {
  return id >= floor && !(isOpen && held.some(snapshot => snapshot.id >= id));
}

/** The same for a changelog that has outlived its snapshot. */
export function changelogPinIsSeen(record: ExpiryRecord, id: number): boolean {
  const { floor, going } = changelogMarksOf(record);
  return id >= floor && !(going !== undefined && id < going);
}

export function changelogMarksOf({ changelogs }: ExpiryRecord): ChangelogMarks {
  return changelogs ?? { floor: 1, going: undefined };
}

/**
 * Replaces the record.
 *
 * @returns `lost`: somebody else has replaced it since it was read
 * @throws LakeError `unavailable` when no answer came: it may have happened
 */
export async function swapExpiryRecord(
  line: SnapshotHome,
  before: StoredRecord,
  next: ExpiryRecord,
  parts: Pick<Table, 'clock' | 'random'>,
): Promise<StoredRecord | 'lost'> {
  assert(next.floor >= before.floor, 'the floor never goes down');
  assert(changelogMarksOf(next).floor >= changelogMarksOf(before).floor, 'the floor of changelogs never goes down');
  const key = expiryRecordKey(line);
  const turn = parts.random.uuid();
  const bytes = encode(next, turn);
  let cause: unknown;
  for (let tries = 0; tries < recordTriesMax; tries += 1) {
    const outcome =
      before.etag === undefined
        ? await line.store.putIfAbsent(key, bytes)
        : await line.store.putIfMatch(key, bytes, before.etag);
    switch (outcome.status) {
      case 'created':
      case 'replaced':
        return { ...next, etag: outcome.etag };
      case 'exists':
      case 'mismatch': {
        // Ours, when an earlier try happened and its answer was lost.
        const object = await line.store.get(key, { bytesMax: jsonBytesMax });
        if (object === undefined || turnOf(object.bytes, key) !== turn) return 'lost';
        return { ...next, etag: object.etag };
      }
      case 'unanswered':
        cause = outcome.cause;
        await parts.clock.sleep(backoffMs(tries, parts.random, recordBackoff));
        break;
      default:
        return unreachable(outcome);
    }
  }
  const message = `${line.store.uri}: no answer to writing ${key}; nothing was removed on its account, run again`;
  throw new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', message, { cause });
}

function encode({ floor, floorIdentity, isOpen, held, changelogs }: ExpiryRecord, turn: string): Uint8Array {
  const snapshots = held.map(({ id, text }) => ({ id, text }));
  const marks = changelogs === undefined ? {} : { changelogFloor: changelogs.floor, changelogsGoing: changelogs.going };
  const json = { version: 1, turn, floor, floorIdentity, isOpen, held: snapshots, ...marks };
  return new TextEncoder().encode(stringifyJson(json));
}

function decode(bytes: Uint8Array, where: string): ExpiryRecord {
  const json = parseJsonObject(bytes, { where, code: 'LAKE_CORRUPT_EXPIRY_RECORD' });
  const { version, floor, floorIdentity, isOpen, held } = json;
  if (version !== 1 || !isId(floor) || !Array.isArray(held) || typeof isOpen !== 'boolean') throw broken(where);
  if (floorIdentity !== undefined && typeof floorIdentity !== 'string') throw broken(where);
  const snapshots = held.map((item: JsonValue) => {
    const { id, text } = isJsonObject(item) ? item : {};
    if (!isId(id) || typeof text !== 'string') throw broken(where);
    return { id, text };
  });
  return { floor, floorIdentity, isOpen, held: snapshots, changelogs: marksOf(json, where) };
}

function marksOf({ changelogFloor, changelogsGoing }: JsonObject, where: string): ChangelogMarks | undefined {
  if (changelogFloor === undefined && changelogsGoing === undefined) return undefined;
  if (!isId(changelogFloor)) throw broken(where);
  if (changelogsGoing !== undefined && !isId(changelogsGoing)) throw broken(where);
  return { floor: changelogFloor, going: changelogsGoing };
}

function turnOf(bytes: Uint8Array, where: string): JsonValue | undefined {
  return parseJsonObject(bytes, { where, code: 'LAKE_CORRUPT_EXPIRY_RECORD' })['turn'];
}

function isId(value: JsonValue | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1;
}

function broken(where: string): LakeError {
  return corrupt('LAKE_CORRUPT_EXPIRY_RECORD', `${where} is not what a record of expiry looks like`);
}
