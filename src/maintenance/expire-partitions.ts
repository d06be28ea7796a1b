/**
 * Drops the partitions that are older than the table keeps them (option `partition.expiration-time`), by what their values
 * say or by when they were last written. One OVERWRITE snapshot, as a drop by hand.
 *
 * @see Paimon 1.4.2 PartitionExpire
 */
import { deserializeRow } from '../format/binary-row.ts';
import { durationOption, integerOption, textOption, wordOption } from '../format/option-values.ts';
import { fieldsNamed, type TableSchema } from '../format/table-schema.ts';
import { type PlacedFile, partitionKey } from '../table/live-files.ts';
import { liveEntries } from '../table/manifests.ts';
import { removePartitions } from '../table/overwrite/remove-partitions.ts';
import { partitionPredicate } from '../table/partition-spec.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import { partitionTimeOf } from './decide-partition-expiry.ts';
import { partitionTexts, writtenMsOf } from './partition-facts.ts';
import { done, type RunEnd, runToEnd } from './receipt.ts';

export type PartitionExpiry = {
  /** Partitions older than that go. */
  readonly expirationMs: number;
  readonly strategy: 'values-time' | 'update-time';
  readonly pattern: string | undefined;
  readonly formatter: string | undefined;
  /** Of the oldest, so many at most. */
  readonly countMax: number;
};

export type ExpiredPartitions = {
  readonly snapshotId: number | undefined;
  /** `dt=2024-01-01/hh=5`, oldest first. */
  readonly names: readonly string[];
};

export type PartitionsReceipt = RunEnd & { readonly label: string; readonly expired: readonly string[] };

const countMaxDefault = 100;

/** As the table's options ask for it; nothing where they do not. */
export async function maintainPartitions(
  table: Table,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<PartitionsReceipt> {
  let expired: readonly string[] = [];
  const end = await runToEnd(async (): Promise<RunEnd> => {
    const expiry = partitionExpiryOf(table.schema);
    if (expiry !== undefined) expired = (await expirePartitions(table, expiry, options)).names;
    return done;
  });
  return { ...end, label: table.label, expired };
}

/** undefined: partitions do not expire. @throws LakeError `invalid` LAKE_BAD_OPTION */
export function partitionExpiryOf({ options, partitionKeys }: TableSchema): PartitionExpiry | undefined {
  const expirationMs = durationOption(options, 'partition.expiration-time');
  if (expirationMs === undefined || partitionKeys.length === 0) return undefined;
  return {
    expirationMs,
    strategy: wordOption(options, 'partition.expiration-strategy', ['values-time', 'update-time']) ?? 'values-time',
    pattern: textOption(options, 'partition.timestamp-pattern'),
    formatter: textOption(options, 'partition.timestamp-formatter'),
    countMax: integerOption(options, 'partition.expiration-max-num', 1) ?? countMaxDefault,
  };
}

/** By the store's clock. @throws LakeError of the commit */
export async function expirePartitions(
  table: Table,
  expiry: PartitionExpiry,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ExpiredPartitions> {
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) return { snapshotId: undefined, names: [] };
  const partitions = Map.groupBy(await liveEntries(table, snapshot), ({ partition }) => partitionKey(partition));
  const fields = fieldsNamed(table.schema, table.schema.partitionKeys);
  const timeOf = partitionTimeOf(expiry);
  const cutoffMs = table.storeTimeMs() - expiry.expirationMs;
  const expired = [...partitions].flatMap(([key, entries]) => {
    const values = deserializeRow(
      entries[0]?.partition ?? new Uint8Array(),
      fields.map(({ type }) => type),
    );
    const texts = partitionTexts(fields, values);
    const timeMs = expiry.strategy === 'update-time' ? writtenMsOf(entries, snapshot) : timeOf(texts);
    if (timeMs === undefined || timeMs >= cutoffMs) return [];
    const name = texts.map(([column, text]) => `${column}=${text ?? 'NULL'}`).join('/');
    return [{ timeMs, name, key, values: new Map(fields.map((field, index) => [field.name, values[index] ?? null])) }];
  });
  const going = expired.toSorted((a, b) => a.timeMs - b.timeMs).slice(0, expiry.countMax);
  if (going.length === 0) return { snapshotId: undefined, names: [] };
  const children = going.map(({ values }) => partitionPredicate(values)).filter(child => child !== undefined);
  // One that was written since it was looked at is young again, and what was written is not lost.
  const spares = (files: readonly PlacedFile[]): boolean =>
    expiry.strategy === 'update-time' && writtenMsOf(files, snapshot) >= cutoffMs;
  const { snapshotId, removedPartitions } = await removePartitions(
    table,
    { kind: 'or', children },
    { ...options, spares },
  );
  return { snapshotId, names: going.filter(({ key }) => removedPartitions.has(key)).map(({ name }) => name) };
}
