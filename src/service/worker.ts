/** The loops of a long-lived process: ingest, compaction and maintenance, each on its own. */
import { compactionLoop } from './compaction-loop.ts';
import { ingestLoop } from './ingest-loop.ts';
import type { LakeParts } from './lake-parts.ts';
import type { LoopContext } from './loop.ts';
import { maintenanceLoop } from './maintenance-loop.ts';
import type { WorkerEvent, WorkerListener } from './worker-events.ts';

export type RunOptions = {
  /** Told of everything the worker does and of what goes wrong. */
  readonly onEvent?: WorkerListener | undefined;
  /** Which loops run; all unless said otherwise. Ingest runs only on a lake with a log. */
  readonly ingest?: boolean | undefined;
  readonly compaction?: boolean | undefined;
  readonly maintenance?: boolean | undefined;
  /** Stops the worker, as disposing does. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * Runs until it is disposed or its signal aborts. It keeps nothing that a crash could lose: a killed worker's work is
 * done by the next. A task that fails is told to `onEvent` and tried again; the others go on.
 */
export class LakeWorker implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(parts: LakeParts, options: RunOptions = {}) {
    const { signal: given, onEvent } = options;
    const signal = given === undefined ? this.#stop.signal : AbortSignal.any([given, this.#stop.signal]);
    const context: LoopContext = { parts, signal, emit: event => tell(onEvent, event) };
    const loops: Promise<void>[] = [];
    if (options.ingest !== false && parts.log !== undefined) loops.push(ingestLoop(context));
    if (options.compaction !== false) loops.push(compactionLoop(context));
    if (options.maintenance !== false) loops.push(maintenanceLoop(context));
    this.#done = Promise.all(loops).then(() => undefined);
  }

  /** Resolves when every loop has ended, which they do when they are told to stop. */
  get done(): Promise<void> {
    return this.#done;
  }

  /** Stops, and waits until what is under way has come to an end that is safe. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}

/** A listener that throws is its owner's bug: it surfaces as such, and the loops go on. */
function tell(onEvent: WorkerListener | undefined, event: WorkerEvent): void {
  try {
    onEvent?.(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
