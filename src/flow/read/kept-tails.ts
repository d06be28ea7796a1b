/**
 * Tails of the log that union reads keep for those that come after: while the snapshot stays the head, a read takes only what
 * the log has taken since. Nothing is believed without asking: each read has the log read on to its tip after it has
 * begun, and asks beside that whether the snapshot is still the head (`seen-head.ts`); where it is not, the tail is forgotten.
 *
 * A kept tail begins where its first read began, by checkpoints read before that snapshot (DESIGN D2). It holds what a
 * read from there would find: positions only rise, and records do not change.
 */
import type { Snapshot } from '../../format/snapshot.ts';
import type { LogStore } from '../../storage/log-store.ts';
import type { Table } from '../../table/table.ts';
import { concatBatches } from '../../types/concat.ts';
import { batchBytes } from '../../types/row-batch.ts';
import { joinKinds } from '../bucket-rows.ts';
import type { TailRows } from '../ingest/tail.ts';
import type { LogTail } from './log-tail.ts';

/** Of a table, each of other lanes. */
const tailsMax = 16;
/** A longer tail is read anew by each. */
const tailBytesMax = 2 * 1024 * 1024;
/** More are put together: each costs a look, however few rows it has. */
const batchesMax = 64;

export class KeptTail {
  readonly snapshot: Snapshot;
  readonly #log: LogTail;
  #batches: readonly TailRows[];
  #bytes: number;
  /** Why a read has failed: on its way it may have passed rows that nobody has. */
  #failure: { readonly error: unknown } | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** @param batches what the tail has given so far */
  constructor(snapshot: Snapshot, log: LogTail, batches: readonly TailRows[]) {
    this.snapshot = snapshot;
    this.#log = log;
    this.#batches = batches;
    this.#bytes = bytesOf(batches);
  }

  get isTooLong(): boolean {
    return this.#bytes > tailBytesMax;
  }

  /**
   * All rows above the snapshot, up to where the log ends at some time after the call.
   *
   * @throws LakeError of the log, and ever after: the tail is to be forgotten
   */
  async rows(): Promise<readonly TailRows[]> {
    // Whoever comes while the log is read may have seen a record that this read does not: the next one is for them. It is
    // asked for first, since it begins a little after the one before it has ended, and two at a time would take rows twice.
    if (this.#next === undefined && this.#running !== undefined) {
      this.#next = this.#running.then(() => {
        this.#next = undefined;
        return this.#run();
      });
    }
    await (this.#next ?? this.#run());
    return this.#batches;
  }

  #run(): Promise<void> {
    this.#running = this.#readOn().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #readOn(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const { batches } = await this.#log.readOnToTip().catch((error: unknown) => {
      this.#failure = { error };
      throw error;
    });
    if (batches.length === 0) return;
    const all = [...this.#batches, ...batches];
    this.#batches = all.length <= batchesMax ? all : [joined(all)];
    this.#bytes += bytesOf(batches);
  }
}

function bytesOf(batches: readonly TailRows[]): number {
  return batches.reduce((sum, { rows, kinds }) => sum + batchBytes(rows) + kinds.length, 0);
}

function joined(batches: readonly TailRows[]): TailRows {
  return { rows: concatBatches(batches.map(({ rows }) => rows)), kinds: joinKinds(batches.map(({ kinds }) => kinds)) };
}

/** By what they are read with: another table object may have another schema, or other options. */
const tailsByTable = new WeakMap<Table, { readonly log: LogStore; readonly tails: Map<string, KeptTail> }>();

export type KeptLanes = ReadonlySet<number> | undefined;

export function keptTail(table: Table, log: LogStore, lanes: KeptLanes): KeptTail | undefined {
  const kept = tailsByTable.get(table);
  return kept?.log === log ? kept.tails.get(keyOf(lanes)) : undefined;
}

/** In the place of another of the same lanes. */
export function keepTail(table: Table, log: LogStore, lanes: KeptLanes, tail: KeptTail): void {
  const known = tailsByTable.get(table);
  const kept = known?.log === log ? known : { log, tails: new Map<string, KeptTail>() };
  tailsByTable.set(table, kept);
  kept.tails.delete(keyOf(lanes));
  if (tail.isTooLong) return;
  kept.tails.set(keyOf(lanes), tail);
  const [oldest] = kept.tails.keys();
  if (kept.tails.size > tailsMax && oldest !== undefined) kept.tails.delete(oldest);
}

export function forgetTail(table: Table, lanes: KeptLanes): void {
  tailsByTable.get(table)?.tails.delete(keyOf(lanes));
}

function keyOf(lanes: KeptLanes): string {
  return lanes === undefined ? 'all' : [...lanes].toSorted((a, b) => a - b).join(',');
}
