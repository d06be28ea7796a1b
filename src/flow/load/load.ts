/**
 * Bulk loads: rows by claim check, in the one order of the log, once under their name (RFC 0026).
 *
 * First all rows are put aside as claims and looked at, then the records are written down that name them, then these go to the
 * log. Up to the second step nothing of the load is anywhere; from there on whoever calls again goes on with the same
 * records, whatever rows it brings.
 */
import { present } from '../../base/assert.ts';
import { invalid, type LakeError } from '../../base/errors.ts';
import type { LogDescription } from '../../storage/log-store.ts';
import type { AcknowledgedRecord } from '../acknowledged-record.ts';
import { claimKey, readClaim } from '../claim.ts';
import type { LogRows } from '../log-record.ts';
import { checkProducerName } from '../named-producer.ts';
import type { ProducerTable } from '../producer.ts';
import { checkHeaders, type RecordHeaders } from '../record-headers.ts';
import { refuseUnwritable } from '../request-producer.ts';
import { type SendRecordsParts, sendRecords } from '../send-records.ts';
import { type FoundLoad, findLoad, finishLoad, type KeptLoad, keepLoad } from './load-file.ts';
import { type StageSettings, stageLoad } from './stage-load.ts';

export type LoadRequest = {
  readonly name: string;
  readonly headers?: RecordHeaders | undefined;
  readonly settings?: Partial<StageSettings> | undefined;
};

export type LoadOutcome = {
  /** `repeated`: the log has had all of it, and nothing was sent. */
  readonly status: 'acknowledged' | 'repeated';
  readonly rowCount: number;
  readonly recordCount: number;
  /** Where the records are in the log; of a load that was there none. */
  readonly records: readonly AcknowledgedRecord[];
};

/** Age takes claims a day after the log has forgotten their records: those older than this are written anew before their records are sent. */
const claimAgeMsMax = 6 * 3_600_000;
/** Longer than it takes to write all claims anew and to send their records. */
const goOnMsMax = 2 * 3_600_000;

/**
 * Resolves when the log has all rows.
 *
 * @param batches all columns of the table's schema, in order; not looked at when the load was begun before
 * @throws LakeError `invalid` LAKE_BAD_PRODUCER, LAKE_BAD_HEADERS, LAKE_ROW_TOO_LARGE, LAKE_LOAD_TOO_LARGE and of the rows: nothing
 *   was loaded; LAKE_LOAD_LOST; `unavailable` LAKE_LOG_UNKNOWN and others: load again under the name to go on
 */
export async function loadRows(
  parts: SendRecordsParts,
  table: ProducerTable,
  { name, headers, settings }: LoadRequest,
  batches: AsyncIterable<LogRows>,
  signal?: AbortSignal,
): Promise<LoadOutcome> {
  checkProducerName(name);
  refuseUnwritable(table);
  const checked = checkHeaders(headers);
  const key = { tableId: table.tableId, name };
  const log = await parts.log.describe({ signal });
  let load = await findLoad(parts, key, signal);
  if (load === undefined) {
    // Who loads under a name that age has taken away meanwhile is another producer.
    const producer = { producerId: `load/${name}/${parts.random.uuid()}`, headers: checked };
    const records = await stageLoad(parts, table, producer, batches, settings);
    load = await keepLoad(parts, key, { incarnation: log.incarnation, records, isDone: false }, signal);
  }
  const rowCount = load.records.reduce((sum, { header }) => sum + header.rowCount, 0);
  const sums = { rowCount, recordCount: load.records.length };
  if (load.isDone) return { status: 'repeated', ...sums, records: [] };
  checkGoesOn(table, name, load, log);
  await renewClaims(parts, load, signal);
  const records = await sendRecords(parts, load.records, signal);
  await finishLoad(parts, key, load, signal);
  return { status: 'acknowledged', ...sums, records };
}

/** A claim is as old as its record, or it may be gone before that. The first is written anew last: it tells of all. */
async function renewClaims({ store }: SendRecordsParts, { records }: KeptLoad, signal?: AbortSignal): Promise<void> {
  const claims = records.map(({ header }) => present(header.claim, 'a claim'));
  const [first] = claims;
  if (first === undefined) return;
  const head = await store.head(claimKey(first), { signal });
  if (head !== undefined && head.storeTimeMs - head.lastModifiedMs <= claimAgeMsMax) return;
  for (const claim of claims.toReversed()) {
    signal?.throwIfAborted();
    await store.put(claimKey(claim), await readClaim(store, claim), { signal });
  }
}

/**
 * The table knows which numbers it has taken for as long as the log keeps records. After that it would take them once more.
 *
 * @throws LakeError `invalid` LAKE_LOAD_LOST
 */
function checkGoesOn(
  table: ProducerTable,
  name: string,
  { incarnation, ageMs }: FoundLoad,
  log: Pick<LogDescription, 'incarnation' | 'retentionMs'>,
): void {
  if (incarnation !== log.incarnation) throw lost(table, name, 'in a log that is not there any more');
  const { retentionMs } = log;
  if (retentionMs === undefined || ageMs <= retentionMs - Math.min(goOnMsMax, retentionMs / 2)) return;
  throw lost(table, name, 'too long ago: what is sent again now would not be told from new rows');
}

function lost({ tableName }: ProducerTable, name: string, how: string): LakeError {
  return invalid(
    'LAKE_LOAD_LOST',
    `${tableName}: load ${name} was begun ${how}. Some of its rows may be in the table: look, ` +
      'and load what is missing under another name',
  );
}
