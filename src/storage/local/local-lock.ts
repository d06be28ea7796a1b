import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../base/clock.ts';
import { Semaphore } from '../../base/concurrency.ts';
import { LakeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { backoffMs } from '../../base/retry.ts';
import { storeUnavailable } from '../store-errors.ts';
import { lockFileName } from './local-files.ts';

/**
 * Mutual exclusion of processes on one folder, for put-if-match: rename(2) cannot be conditional. The lock is the one
 * SQLite takes on its file, so the operating system drops it when its holder dies, and nobody ever has to judge
 * whether a holder is still alive. Node offers no other way to such a lock.
 */
export class LocalLock implements AsyncDisposable {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #random: Random;
  /** One holder in this process at a time; the file's lock is between processes. */
  readonly #turn = new Semaphore(1);
  #database: DatabaseSync | undefined;

  constructor(root: string, components: { readonly clock: Clock; readonly random: Random }) {
    this.#path = join(root, lockFileName);
    this.#clock = components.clock;
    this.#random = components.random;
  }

  /** Runs `action` while no other holder anywhere runs; keep it short. */
  async use<T>(action: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return await this.#turn.use(async () => {
      const database = await this.#open();
      await this.#begin(database, signal);
      try {
        return await action();
      } finally {
        database.exec('COMMIT');
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn.use(async () => {
      this.#database?.close();
      this.#database = undefined;
    });
  }

  async #open(): Promise<DatabaseSync> {
    if (this.#database !== undefined) return this.#database;
    // Loaded when first needed: few stores ever replace by match.
    const { DatabaseSync } = await import('node:sqlite');
    try {
      this.#database = new DatabaseSync(this.#path);
      this.#database.exec('PRAGMA busy_timeout = 0');
      return this.#database;
    } catch (error) {
      throw storeUnavailable(this.#path, error);
    }
  }

  async #begin(database: DatabaseSync, signal: AbortSignal | undefined): Promise<void> {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      signal?.throwIfAborted();
      try {
        database.exec('BEGIN EXCLUSIVE');
        return;
      } catch (error) {
        if (!isBusy(error)) throw storeUnavailable(this.#path, error);
        await this.#clock.sleep(1 + backoffMs(attempt, this.#random, backoff), signal);
      }
    }
    throw new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', `${this.#path}: the lock has been taken for too long`);
  }
}

const backoff = { delayMsMin: 1, delayMsMax: 20 };
/** At about 10 ms each, half a minute. */
const attemptsMax = 3_000;
const sqliteBusy = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy;
}
