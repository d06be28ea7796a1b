/** The one fetch of this driver: one partition, outside of sessions, without transactions. */
import { type Connection, fetchV13 } from '@platformatic/kafka';

export type FetchAnswer = fetchV13.FetchResponse;

export type FetchPlace = {
  readonly topicId: string;
  readonly partition: number;
  readonly offset: bigint;
};

export type FetchLimits = {
  /** A first batch above it is given all the same. */
  readonly bytesMax: number;
  /** How long the broker may wait for a first record. */
  readonly waitMs: number;
};

const readUncommitted = 0;
const sessionId = 0;
const outsideOfSessions = -1;
const anyEpoch = -1;
const anyRack = '';

export async function fetchPartition(
  connection: Connection,
  { topicId, partition, offset }: FetchPlace,
  { bytesMax, waitMs }: FetchLimits,
): Promise<FetchAnswer> {
  const asked = {
    partition,
    currentLeaderEpoch: anyEpoch,
    fetchOffset: offset,
    lastFetchedEpoch: anyEpoch,
    partitionMaxBytes: bytesMax,
  };
  const topics = [{ topicId, partitions: [asked] }];
  const bytesMin = waitMs > 0 ? 1 : 0;
  return await fetchV13.api.async(
    connection,
    waitMs,
    bytesMin,
    bytesMax,
    readUncommitted,
    sessionId,
    outsideOfSessions,
    topics,
    [],
    anyRack,
  );
}
