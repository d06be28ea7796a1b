/**
 * Waits at the tip of partitions, by a fetch that the broker answers when there is something. A broker serves one request of
 * a connection after the other, so each partition waits on a connection of its own, and a wait that is given up closes it.
 */
import type { ConnectionPool } from '@platformatic/kafka';
import type { LogWaitOptions } from '../log-store.ts';
import type { Broker, KafkaConnection } from './kafka-connection.ts';
import { type FetchPlace, fetchPartition } from './kafka-fetch.ts';

/** Below the time that a request is given. */
const waitMsMost = 10_000;
/** A batch is given whole all the same. */
const leastBytes = 1;

export class PartitionWaits {
  readonly #connection: KafkaConnection;
  readonly #idle = new Map<number, ConnectionPool>();
  readonly #open = new Set<ConnectionPool>();

  constructor(connection: KafkaConnection) {
    this.#connection = connection;
  }

  /** Resolves when there is a record at the offset or behind it, or time is up. */
  async wait(leader: Broker, place: FetchPlace, options: LogWaitOptions): Promise<void> {
    const { partition } = place;
    const waitMs = Math.ceil(Math.min(options.waitMsMax, waitMsMost));
    const pool = this.#idle.get(partition) ?? this.#connection.ownPool();
    this.#idle.delete(partition);
    this.#open.add(pool);
    try {
      await this.#connection.call(
        leader,
        options.signal,
        each => fetchPartition(each, place, { bytesMax: leastBytes, waitMs }),
        pool,
      );
    } catch (error) {
      this.#open.delete(pool);
      await pool.close().catch(() => undefined);
      throw error;
    }
    if (this.#idle.has(partition) || !this.#open.has(pool)) {
      this.#open.delete(pool);
      await pool.close();
    } else {
      this.#idle.set(partition, pool);
    }
  }

  async close(): Promise<void> {
    const pools = [...this.#open];
    this.#open.clear();
    this.#idle.clear();
    await Promise.all(pools.map(pool => pool.close()));
  }
}
