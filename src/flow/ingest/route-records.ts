/** Tells the records of a shard apart by table, by their headers alone. */
import { isLakeError, type LakeError } from '../../base/errors.ts';
import type { LogRecordEnvelope } from '../../storage/log-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { decodeRecord } from '../log-record.ts';
import type { WantedSchema } from '../table-registry.ts';
import type { RoutedRecord } from './tail.ts';

export type Routing = {
  /** By table id, each in the shard's order. */
  readonly byTable: ReadonlyMap<string, RoutedRecord[]>;
  /** Records nobody can read the header of, so that no table can take them as dead letters. */
  readonly unreadable: readonly { readonly envelope: LogRecordEnvelope; readonly error: LakeError }[];
};

export function routeRecords(shardId: string, envelopes: readonly LogRecordEnvelope[]): Routing {
  const byTable = new Map<string, RoutedRecord[]>();
  const unreadable: { envelope: LogRecordEnvelope; error: LakeError }[] = [];
  for (const envelope of envelopes) {
    const { position, arrivalMs, data } = envelope;
    try {
      const record = decodeRecord(data, `shard ${shardId}, position ${position}`);
      const routed: RoutedRecord = { shardId, position, arrivalMs, record, data };
      const records = byTable.get(record.header.tableId);
      if (records === undefined) byTable.set(record.header.tableId, [routed]);
      else records.push(routed);
    } catch (error) {
      if (!isLakeError(error)) throw error;
      unreadable.push({ envelope, error });
    }
  }
  return { byTable, unreadable };
}

/** `db.t`, as the records of a table have it. */
export function tableNameOf(records: readonly RoutedRecord[]): string {
  return records[0]?.record.header.tableName ?? '';
}

/** The schema that the records of a table want it to have. */
export function wantedSchema(records: readonly RoutedRecord[]): WantedSchema {
  const headers = records.map(({ record }) => record.header);
  return {
    schemaId: headers.reduce((id, header) => Math.max(id, header.schemaId), 0),
    columns: headers.filter(({ columns }) => columns !== undefined),
  };
}

/** Keeps a record that no table can own, under its place in the log; doing so twice is the same. */
export async function keepUnreadable(
  store: ObjectStore,
  incarnation: string,
  shardId: string,
  envelope: LogRecordEnvelope,
): Promise<void> {
  const place = `${incarnation}-${shardId}`.replaceAll(/[^\w.-]/g, '_');
  await store.put(`tidelake/unreadable/${place}-${envelope.position}`, envelope.data);
}
