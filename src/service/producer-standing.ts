/** Where a producer's name stands, as plain values; nothing is taken over. */
import { invalid } from '../base/errors.ts';
import { checkProducerName } from '../flow/named-producer.ts';
import { openingsOf } from '../flow/producer-owner.ts';
import { lastNumberOf, producerLanes } from '../flow/read/producer-standing.ts';
import { requestProducerId } from '../flow/request-producer.ts';
import type { Table } from '../table/table.ts';
import type { LakeParts } from './lake-parts.ts';
import { loggedTable } from './logged-table.ts';
import { type LogParts, withLogOf } from './named-logs.ts';

export type ProducerStanding = {
  readonly producer: string;
  /**
   * The largest number of its requests that is known. Requests before it are there as a whole; this one is, too, if it was
   * acknowledged. undefined: nothing is known of the name.
   */
  readonly lastNumber: number | undefined;
  /** How often `table.producer` has opened the name; the one that did so last owns it. */
  readonly opened: number;
  /** Of each lane (a bucket, where these are fixed) that the producer has rows for. */
  readonly lanes: readonly ProducerLane[];
};

export type ProducerLane = {
  readonly lane: number;
  readonly number: number;
  /** Ingest has taken it; otherwise the log has it at this place. */
  readonly isInTable: boolean;
  readonly shardId: string | undefined;
  readonly position: bigint | undefined;
  /** When the log took it. */
  readonly arrivalMs: number;
};

/** @throws LakeError `invalid` LAKE_NO_LOG, LAKE_NOT_LOGGED, LAKE_BAD_PRODUCER */
export async function producerStanding(
  lake: Pick<LakeParts, 'store'> & LogParts,
  table: Table,
  name: string,
  signal?: AbortSignal,
): Promise<ProducerStanding> {
  checkProducerName(name);
  const { log, store } = await withLogOf(lake, table);
  if (log === undefined) throw invalid('LAKE_NO_LOG', `${table.label}: this lake was opened without a log`);
  const { tableId } = loggedTable(table);
  const [opened, lanes] = await Promise.all([
    openingsOf(store, { tableId, name }, signal),
    producerLanes({ log, store }, table, requestProducerId(name), signal),
  ]);
  return {
    producer: name,
    lastNumber: lastNumberOf(lanes),
    opened,
    lanes: lanes.map(({ record, ...lane }) => ({
      ...{ ...lane, isInTable: record === undefined },
      ...{ shardId: record?.shardId, position: record?.position },
    })),
  };
}

/** One line of JSON; positions are texts, since some have more digits than numbers hold. */
export function standingJson({ lastNumber, lanes, ...standing }: ProducerStanding, table: string): string {
  return JSON.stringify({
    ...{ table, ...standing, lastNumber: lastNumber ?? null },
    lanes: lanes.map(lane => ({ ...lane, position: lane.position?.toString() })),
  });
}

/** A line for the name, and one for each lane. */
export function* standingLines({
  producer,
  lastNumber,
  opened,
  lanes,
}: ProducerStanding): Generator<string, void, undefined> {
  const known = lastNumber === undefined ? 'nothing is known of it' : `last number ${lastNumber}`;
  yield `${producer}: ${known}, opened ${opened} times\n`;
  for (const { lane, number, shardId, position, arrivalMs } of lanes) {
    const where = position === undefined ? 'in the table' : `at ${position} of ${shardId}`;
    yield `lane ${lane}  ${number}  ${where}, ${new Date(arrivalMs).toISOString()}\n`;
  }
}
