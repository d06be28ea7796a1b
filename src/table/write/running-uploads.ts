/**
 * Uploads of small data files that run on while the commit that names them writes its manifests: a round trip less for
 * whoever waits. The swap must wait for `done`.
 */

/** Files up to this size may be under way when their writer goes on; larger ones would keep their memory. */
export const runningUploadBytesMax: number = 1024 * 1024;
/** Under way at a time. */
const runningCountMax = 8;

export class RunningUploads {
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  /** Takes over an upload that has begun; returns at once, unless too many run. Its failure is told by `done`. */
  async take(upload: Promise<unknown>): Promise<void> {
    const running = this.#follow(upload).finally(() => this.#running.delete(running));
    this.#running.add(running);
    if (this.#running.size > runningCountMax) await Promise.race(this.#running);
  }

  /** @throws what any upload so far has failed with */
  async done(): Promise<void> {
    await this.settled();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Resolves when nothing is under way any more, whatever came of it. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.race(this.#running);
  }

  async #follow(upload: Promise<unknown>): Promise<void> {
    try {
      await upload;
    } catch (error) {
      this.#failure ??= { error };
    }
  }
}
