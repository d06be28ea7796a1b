/**
 * Values by key up to a bound of bytes; what has not been used for long goes first. For what never changes once it is there.
 *
 * Use only leaves a mark, since moving an entry at each use would cost more than all else here. What has one when its turn
 * comes to go loses it and stays for another round.
 */
import { assert } from '../base/assert.ts';

type Entry<T> = { readonly value: T; readonly bytes: number; wasUsed: boolean };

export class BoundedCache<T> {
  readonly #bytesMax: number;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #loading = new Map<string, Promise<T>>();
  #bytes = 0;

  constructor(bytesMax: number) {
    assert(bytesMax > 0, 'a cache holds at least one byte');
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.wasUsed = true;
    return entry.value;
  }

  /** @param bytes about how much memory the value takes; one that is larger than the bound is not kept */
  put(key: string, value: T, bytes: number): void {
    this.#remove(key);
    if (bytes > this.#bytesMax) return;
    // Those that stay come again behind all others, without their mark: none comes a third time.
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes + bytes <= this.#bytesMax) break;
      this.#entries.delete(oldest);
      if (entry.wasUsed) this.#entries.set(oldest, { ...entry, wasUsed: false });
      else this.#bytes -= entry.bytes;
    }
    this.#entries.set(key, { value, bytes, wasUsed: false });
    this.#bytes += bytes;
  }

  /** The cached value, or what `load` brings; callers of one key at the same time share one load. */
  load(key: string, load: () => Promise<{ readonly value: T; readonly bytes: number }>): Promise<T> {
    const cached = this.get(key);
    if (cached !== undefined) return Promise.resolve(cached);
    const running = this.#loading.get(key);
    if (running !== undefined) return running;
    const begun = load()
      .then(({ value, bytes }) => {
        this.put(key, value, bytes);
        return value;
      })
      .finally(() => this.#loading.delete(key));
    this.#loading.set(key, begun);
    return begun;
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}
