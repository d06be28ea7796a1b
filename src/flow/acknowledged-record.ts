/** A record that the log has: by either name it can be found again. */
export type AcknowledgedRecord = {
  readonly producerId: string;
  readonly lane: number;
  /** 1, 2, 3 … of the producer in the lane. */
  readonly number: number;
  readonly shardId: string;
  readonly position: bigint;
  readonly rowCount: number;
};
