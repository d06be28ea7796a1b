/**
 * The hint files `LATEST` and `EARLIEST` (DESIGN S8, spec 3.2): written after a prompt win, best effort, behind the
 * acknowledgement and not at each commit. A stale `LATEST` costs Java's readers a LIST and nothing else.
 */
import type { Clock } from '../../base/clock.ts';
import { earliestHintPath, latestHintPath } from '../../format/paths.ts';
import type { ObjectStore } from '../../storage/object-store.ts';

/** Time between two writings of `LATEST` by one committer. */
const hintIntervalMs = 60_000;

export class HintWriter implements AsyncDisposable {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #metaPath: string;
  #writtenAtMs: number | undefined;
  #running: Promise<void> | undefined;

  constructor(parts: { readonly store: ObjectStore; readonly clock: Clock; readonly metaPath: string }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#metaPath = parts.metaPath;
  }

  /** Begins to write and returns. One that is still being written is not overtaken: hints must not change order. */
  afterWin(id: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#running !== undefined) return;
    if (this.#writtenAtMs !== undefined && nowMs - this.#writtenAtMs < hintIntervalMs) return;
    this.#writtenAtMs = nowMs;
    this.#running = this.#write(id).finally(() => {
      this.#running = undefined;
    });
  }

  /** Waits for what is being written. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running;
  }

  async #write(id: number): Promise<void> {
    const bytes = new TextEncoder().encode(String(id));
    try {
      await this.#store.put(`${this.#metaPath}/${latestHintPath}`, bytes);
      if (id === 1) await this.#store.put(`${this.#metaPath}/${earliestHintPath}`, bytes);
    } catch {
      // Best effort: maintenance puts both hints right at every run.
    }
  }
}
