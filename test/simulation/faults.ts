/**
 * What goes wrong in a world, decided for each request by its ordinal alone. A run that failed can be tried again with only
 * some of its faults.
 */
import { chance, logUniform, seedOf } from './chance.ts';

export type RequestClass = 'read' | 'write' | 'conditional' | 'append';

export type SimFault =
  /** Nothing happened, and the caller hears of a failure. */
  | { readonly kind: 'conflict-409' | 'error-500' | 'slow-down-503' | 'cut-upload' | 'throttled' }
  /** It happened; the answer did not come. */
  | { readonly kind: 'answer-lost' }
  /** The caller gave up waiting, and it happens later, or never. */
  | { readonly kind: 'timeout'; readonly lateMs: number | undefined }
  /** It happens, and the answer comes, late. `isBefore`: what is late is the request, else the answer. */
  | { readonly kind: 'slow'; readonly delayMs: number; readonly isBefore: boolean }
  /** The process dies; the request has happened or not. */
  | { readonly kind: 'crash'; readonly happens: boolean }
  /** A record is taken twice. */
  | { readonly kind: 'doubled' }
  /** A hint as it was before. */
  | { readonly kind: 'stale-hint' };

export type FaultKind = SimFault['kind'];

/** Shares of requests, each in [0, 1]. */
export type FaultRates = {
  readonly failed: number;
  readonly lost: number;
  readonly timeout: number;
  readonly slow: number;
  /** Besides, of conditional puts. */
  readonly slowConditional: number;
  readonly crash: number;
  readonly staleHint: number;
  /** Longest delay of what is slow or late. */
  readonly delayMsMax: number;
};

export const noFaults: FaultRates = {
  failed: 0,
  lost: 0,
  timeout: 0,
  slow: 0,
  slowConditional: 0,
  crash: 0,
  staleHint: 0,
  delayMsMax: 0,
};

const delayMsMin = 50;
/** A signed request is refused a quarter of an hour after it was signed: nothing happens later than that. */
const lateMsMax = 15 * 60_000;

export class Faults {
  readonly #seed: number;
  readonly #rates: FaultRates;
  readonly #only: ReadonlySet<number> | undefined;
  readonly #counts = new Map<FaultKind, number>();
  readonly #ordinals: number[] = [];
  #ordinal = 0;
  #isOver = false;

  /** @param only ordinals of the requests that may fail; undefined: any */
  constructor(seed: number, rates: FaultRates, only: ReadonlySet<number> | undefined) {
    this.#seed = seedOf(seed, 'faults');
    this.#rates = rates;
    this.#only = only;
  }

  get counts(): ReadonlyMap<FaultKind, number> {
    return this.#counts;
  }

  /** Of the requests that something befell. */
  get ordinals(): readonly number[] {
    return this.#ordinals;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** From now on all goes well. */
  end(): void {
    this.#isOver = true;
  }

  /** What befalls the next request. */
  next(request: { readonly of: RequestClass; readonly isHint: boolean }): SimFault | undefined {
    this.#ordinal += 1;
    if (this.#isOver || this.#only?.has(this.#ordinal) === false) return undefined;
    const fault = this.#decide(request.of, request.isHint);
    if (fault === undefined) return undefined;
    this.#ordinals.push(this.#ordinal);
    this.#counts.set(fault.kind, (this.#counts.get(fault.kind) ?? 0) + 1);
    return fault;
  }

  #decide(of: RequestClass, isHint: boolean): SimFault | undefined {
    const { failed, lost, timeout, crash, staleHint } = this.#rates;
    const slow = this.#rates.slow + (of === 'conditional' ? this.#rates.slowConditional : 0);
    let place = chance(this.#seed, this.#ordinal);
    if (isHint && of === 'read') return place < staleHint ? { kind: 'stale-hint' } : undefined;
    const within = (share: number): boolean => {
      if (place < share) return true;
      place -= share;
      return false;
    };
    if (within(failed)) return this.#failure(of);
    if (within(lost)) return { kind: of === 'append' && this.#coin(2) ? 'doubled' : 'answer-lost' };
    if (within(timeout))
      return { kind: 'timeout', lateMs: this.#coin(3) ? Math.min(this.#delayMs(4), lateMsMax) : undefined };
    if (within(slow)) return { kind: 'slow', delayMs: this.#delayMs(5), isBefore: this.#coin(6) };
    if (within(crash)) return { kind: 'crash', happens: this.#coin(7) };
    return undefined;
  }

  #failure(of: RequestClass): SimFault {
    if (of === 'append') return { kind: 'throttled' };
    if (of === 'conditional' && this.#coin(8)) return { kind: 'conflict-409' };
    if (of !== 'read' && this.#coin(9)) return { kind: 'cut-upload' };
    return { kind: this.#coin(10) ? 'error-500' : 'slow-down-503' };
  }

  #delayMs(salt: number): number {
    return logUniform(this.#draw(salt), { min: delayMsMin, max: Math.max(delayMsMin, this.#rates.delayMsMax) });
  }

  #coin(salt: number): boolean {
    return this.#draw(salt) < 0.5;
  }

  #draw(salt: number): number {
    return chance(this.#seed ^ (salt * 0x5bd1e995), this.#ordinal);
  }
}
