/**
 * Values by key up to a bound of bytes; what was used longest ago goes first. For what never changes once it is there.
 */
import { assert } from '../base/assert.ts';

export class BoundedCache<T> {
  readonly #bytesMax: number;
  readonly #entries = new Map<string, { readonly value: T; readonly bytes: number }>();
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
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** @param bytes about how much memory the value takes; one that is larger than the bound is not kept */
  put(key: string, value: T, bytes: number): void {
    this.#remove(key);
    if (bytes > this.#bytesMax) return;
    this.#entries.set(key, { value, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#remove(oldest);
    }
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
