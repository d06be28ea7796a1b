/**
 * The right to append to one shard of a local log, among all threads and processes of a machine.
 *
 * The lock is the one SQLite takes on an empty file (fcntl), which Node offers through node:sqlite and no other way. It
 * is the kernel's: it ends with the process that holds it, also with SIGKILL, and it ends in no other way. So nobody has
 * to judge from pids or times whether a holder is still alive, and a holder that merely stands still (SIGSTOP, a slow
 * disk) is never overtaken: that is why two appenders can never write at one time.
 *
 * Two files make it fair. Who wants the `lock` first takes the `turn`, gives it back when it has the lock, and so is
 * next: a process that appends all the time queues up behind the others instead of taking the lock again at once.
 */
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { assert } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import { logBusy } from '../log-errors.ts';

export type ShardLockSettings = { readonly directory: string; readonly where: string; readonly clock: Clock };

/** How often a waiting process looks again. */
const lookIntervalMs = 1;
const waitMsMaxDefault = 60_000;
const sqliteBusy = 5;

export class ShardLock {
  readonly #settings: ShardLockSettings;
  #files: { readonly turn: LockFile; readonly lock: LockFile } | undefined;
  #held = false;

  constructor(settings: ShardLockSettings) {
    this.#settings = settings;
  }

  /**
   * Waits for the lock. One holder at a time in this object too; `release` must follow.
   *
   * @throws LakeError `unavailable` LAKE_LOG_BUSY when others have held it for `waitMsMax`
   */
  async acquire(waitMsMax: number = waitMsMaxDefault): Promise<void> {
    assert(!this.#held, 'a lock is released before it is acquired again');
    const { turn, lock } = await this.#open();
    await this.#take(turn, waitMsMax);
    try {
      await this.#take(lock, waitMsMax);
    } finally {
      turn.release();
    }
    this.#held = true;
  }

  release(): void {
    assert(this.#held, 'only a held lock is released');
    this.#held = false;
    this.#files?.lock.release();
  }

  close(): void {
    this.#held = false;
    this.#files?.turn.close();
    this.#files?.lock.close();
    this.#files = undefined;
  }

  async #take(file: LockFile, waitMsMax: number): Promise<void> {
    const { clock, where } = this.#settings;
    const startMs = clock.monotonicMs();
    while (!file.tryTake()) {
      if (clock.monotonicMs() - startMs > waitMsMax) throw logBusy(where, waitMsMax);
      await clock.sleep(lookIntervalMs);
    }
  }

  async #open(): Promise<{ readonly turn: LockFile; readonly lock: LockFile }> {
    if (this.#files !== undefined) return this.#files;
    // Loaded when first needed: a process that only reads needs no lock.
    const { DatabaseSync } = await import('node:sqlite');
    const { directory } = this.#settings;
    const open = (name: string): LockFile => new LockFile(new DatabaseSync(join(directory, name), { timeout: 0 }));
    this.#files ??= { turn: open('turn'), lock: open('lock') };
    return this.#files;
  }
}

/** A file that at most one connection on this machine has taken. Nothing is ever written to it. */
class LockFile {
  readonly #database: DatabaseSync;
  readonly #begin: ReturnType<DatabaseSync['prepare']>;
  readonly #rollback: ReturnType<DatabaseSync['prepare']>;

  constructor(database: DatabaseSync) {
    this.#database = database;
    // The transaction stays empty, so its journal may as well not be a file.
    database.exec('PRAGMA journal_mode = MEMORY');
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#rollback = database.prepare('ROLLBACK');
  }

  tryTake(): boolean {
    try {
      this.#begin.run();
      return true;
    } catch (error) {
      if (error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy) return false;
      throw error;
    }
  }

  release(): void {
    this.#rollback.run();
  }

  close(): void {
    this.#database.close();
  }
}
