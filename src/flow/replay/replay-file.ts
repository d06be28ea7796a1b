/**
 * The records of a replay of dead letters, written down before the first of them goes to the log: whoever sends them, and
 * however often, sends the same under the same numbers (RFC 0010).
 */
import { stringifyJson } from '../../base/json.ts';
import type { Table } from '../../table/table.ts';
import { deadLettersNamePrefix, tableObjectKey } from '../../table/table-objects.ts';
import type { ReplayFile } from '../ingest/dead-letter-list.ts';
import { badLetters, jsonLinesOf } from '../ingest/letter-objects.ts';
import { replayProducerId } from '../ingest/state.ts';
import { decodeRecord, encodeRecord, type LogRecord } from '../log-record.ts';

/**
 * Uploads records as a file; nothing names it yet. Their producer is named after it.
 *
 * @param records numbered from 1 in each lane, each with its body, however large that is
 */
export async function storeReplayFile(
  table: Table,
  records: readonly LogRecord[],
): Promise<Omit<ReplayFile, 'letters'>> {
  const name = `${deadLettersNamePrefix}${table.random.uuid()}`;
  const producer = { producerId: replayProducerId(name), producerNamed: true };
  const text = records.map(record => {
    const data = encodeRecord({ ...record, header: { ...record.header, ...producer } });
    return `${stringifyJson(Buffer.from(data).toString('base64'))}\n`;
  });
  await table.store.put(tableObjectKey(table, name), Buffer.from(text.join('')));
  const lanes = new Map<number, number>();
  for (const { header } of records) lanes.set(header.bucket, header.producerNumber);
  const rowCount = records.reduce((sum, { header }) => sum + header.rowCount, 0);
  return { name, rowCount, entryCount: records.length, lanes };
}

/** In the order of their numbers. @throws LakeError `corrupt` LAKE_FILE_MISSING, LAKE_CORRUPT_DEAD_LETTERS, LAKE_RECORD_CORRUPT */
export async function* readReplayFile(table: Table, name: string): AsyncGenerator<LogRecord, void, undefined> {
  for await (const json of jsonLinesOf(table, name)) {
    if (typeof json !== 'string') throw badLetters(table, name);
    yield decodeRecord(new Uint8Array(Buffer.from(json, 'base64')), tableObjectKey(table, name));
  }
}
