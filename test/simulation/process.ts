/**
 * A process of a simulated world: a clock that may be wrong, chance of its own, and the one way to the outside, `request`.
 * A process that is killed never gets another answer; what it had under way happens, or not, as on a real network.
 */
import type { Clock } from '../../src/base/clock.ts';
import { LakeError } from '../../src/base/errors.ts';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { seedOf } from './chance.ts';
import type { RequestClass, SimFault } from './faults.ts';
import type { World } from './world.ts';

/** One request to the world: what it does in one step, and what its caller hears when there is no answer. */
export type SimRequest<T> = {
  readonly of: RequestClass;
  readonly what: string;
  readonly key: string;
  readonly effect: () => T;
  /** For the event log. */
  readonly outcome: (answer: T) => string;
  readonly bytes?: ((answer: T) => Uint8Array | undefined) | undefined;
  /** The caller's answer when there was none; undefined: it is thrown. */
  readonly unanswered?: ((cause: LakeError) => T) | undefined;
  /** When surely nothing happened; undefined: as above. */
  readonly failed?: ((cause: LakeError) => T) | undefined;
  readonly isHint?: boolean | undefined;
  /** An answer of old, for a hint. */
  readonly stale?: (() => T) | undefined;
  /** The effect a second time, for a record that is taken twice. */
  readonly again?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

type Hearer<T> = { readonly resolve: (answer: T) => void; readonly reject: (error: unknown) => void };

export class SimProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly #world: World;
  #alive = true;
  readonly #whenKilled: (() => void)[] = [];

  /** @param skewMs how wrong its wall clock is */
  constructor(world: World, name: string, skewMs: number) {
    this.#world = world;
    this.name = name;
    this.random = seededRandom(seedOf(world.seed, name));
    const { scheduler } = world;
    const startMs = scheduler.nowMs;
    this.clock = {
      nowMs: () => scheduler.nowMs + skewMs,
      monotonicMs: () => scheduler.nowMs - startMs,
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#note('killed', '');
    for (const action of this.#whenKilled) action();
  }

  onKill(action: () => void): void {
    this.#whenKilled.push(action);
  }

  request<T>(request: SimRequest<T>): Promise<T> {
    if (!this.#alive) return never();
    const { signal } = request;
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const { faults, scheduler } = this.#world;
    const fault = faults.next({ of: request.of, isHint: request.isHint ?? false });
    const latencyMs = this.#world.latencyMs(request.what);
    const delayMs = fault?.kind === 'slow' && fault.isBefore ? latencyMs + fault.delayMs : latencyMs;
    const answered = new Promise<T>((resolve, reject) => {
      scheduler.after(delayMs, () => this.#arrive(request, fault, { resolve, reject }));
    });
    return signal === undefined ? answered : this.#unlessAborted(answered, signal);
  }

  #unlessAborted<T>(waited: Promise<T>, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.#tell(() => reject(signal.reason));
      signal.addEventListener('abort', onAbort, { once: true });
      void waited.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  /** The request is at the store. */
  #arrive<T>(request: SimRequest<T>, fault: SimFault | undefined, hearer: Hearer<T>): void {
    // Its process died meanwhile: it may have been on its way, or not.
    if (!this.#alive && this.#world.coin()) return;
    switch (fault?.kind) {
      case undefined:
        this.#answer(request, hearer, 0);
        break;
      case 'slow':
        this.#answer(request, hearer, fault.isBefore ? 0 : fault.delayMs);
        break;
      case 'conflict-409':
      case 'error-500':
      case 'slow-down-503':
      case 'cut-upload':
      case 'throttled':
        this.#fail(request, fault, hearer, request.failed ?? request.unanswered);
        break;
      case 'answer-lost':
        this.#happen(request, ' (answer lost)');
        this.#fail(request, fault, hearer, request.unanswered);
        break;
      case 'timeout':
        if (fault.lateMs !== undefined && request.of !== 'read') this.#happenLate(request, fault.lateMs);
        this.#fail(request, fault, hearer, request.unanswered);
        break;
      case 'crash':
        if (fault.happens) this.#happen(request, ' (crash)');
        this.kill();
        break;
      case 'doubled':
        this.#answer(request, hearer, 0);
        request.again?.();
        break;
      case 'stale-hint':
        this.#note(`${request.what} stale`, request.key);
        this.#tell(() => hearer.resolve((request.stale ?? request.effect)()));
    }
  }

  #happenLate<T>(request: SimRequest<T>, lateMs: number): void {
    this.#world.scheduler.after(lateMs, () => {
      this.#happen(request, ' (late)');
    });
  }

  #answer<T>(request: SimRequest<T>, hearer: Hearer<T>, delayMs: number): void {
    let answer: T;
    try {
      answer = this.#happen(request, '');
    } catch (error) {
      // What the store refuses for good: a bad key, an unknown shard.
      this.#tell(() => hearer.reject(error));
      return;
    }
    if (delayMs === 0) this.#tell(() => hearer.resolve(answer));
    else this.#world.scheduler.after(delayMs, () => this.#tell(() => hearer.resolve(answer)));
  }

  #happen<T>(request: SimRequest<T>, note: string): T {
    const answer = request.effect();
    const outcome = (): string => `${request.outcome(answer)}${note}`;
    const { scheduler, events } = this.#world;
    const bytes = request.bytes?.(answer);
    events.add({ timeMs: scheduler.nowMs, who: this.name, what: request.what, key: request.key, outcome, bytes });
    return answer;
  }

  #fail<T>(
    request: SimRequest<T>,
    fault: SimFault,
    hearer: Hearer<T>,
    answerOf: ((cause: LakeError) => T) | undefined,
  ): void {
    this.#note(request.what, `${request.key}  ${fault.kind}`);
    const code = request.of === 'append' ? 'LAKE_LOG_UNAVAILABLE' : 'LAKE_STORE_UNAVAILABLE';
    const cause = new LakeError('unavailable', code, `${request.what} ${request.key}: simulated ${fault.kind}`);
    this.#tell(() => (answerOf === undefined ? hearer.reject(cause) : hearer.resolve(answerOf(cause))));
  }

  /** The dead hear nothing. */
  #tell(action: () => void): void {
    if (this.#alive) action();
  }

  #note(what: string, key: string): void {
    const { scheduler, events } = this.#world;
    events.add({ timeMs: scheduler.nowMs, who: this.name, what, key, outcome: () => '' });
  }

  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#alive) return never();
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const waited = new Promise<void>(resolve => {
      this.#world.scheduler.after(Math.max(0, ms), () => this.#tell(resolve));
    });
    return signal === undefined ? waited : this.#unlessAborted(waited, signal);
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}
