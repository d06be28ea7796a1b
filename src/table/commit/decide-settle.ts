/**
 * What became of one swap (DESIGN S4, S5), as a pure decision over the answers seen so far. The driver asks again with
 * each thing it has looked at until there is a verdict, so a model can walk every order of answers.
 */
import { unreachable } from '../../base/assert.ts';
import { baseFreshMs } from './limits.ts';

/** Everything known about one attempt at number N+1. */
export type SwapEvidence = {
  /** Store time of the base N. */
  readonly baseStoreTimeMs: number;
  /** `created` is a 200, `exists` a 412. */
  readonly last: 'created' | 'exists';
  /** Whether a try before the last went without an answer (409, 5xx, timeout, reset). */
  readonly unansweredBefore: boolean;
  /** Store time of the last answer used: the PUT's, or the GET of N+1 once `own` is read. */
  readonly answeredMs: number;
  /** What lies at N+1. */
  readonly own: 'not-read' | 'absent' | 'ours' | 'another';
  /** How the largest id of a LIST compares with N+1. */
  readonly largest: 'not-read' | 'is-own' | 'is-not-own';
  /** What lies at N+2 and whom it names as its parent. */
  readonly next: 'not-read' | 'absent' | 'links-to-ours' | 'links-to-another' | 'has-no-link';
};

export type SwapVerdict = 'committed' | 'lost' | 'void' | 'unknown';
export type SettleStep =
  | { readonly kind: 'verdict'; readonly verdict: SwapVerdict }
  | { readonly kind: 'look'; readonly at: 'own' | 'largest' | 'next' };

/** S5. The answer came less than B of store time after the base's. */
export function isPrompt(evidence: Pick<SwapEvidence, 'baseStoreTimeMs' | 'answeredMs'>): boolean {
  return evidence.answeredMs - evidence.baseStoreTimeMs < baseFreshMs;
}

export function decideSettle(evidence: SwapEvidence): SettleStep {
  switch (evidence.last) {
    case 'created':
      return afterCreated(evidence);
    case 'exists':
      return evidence.unansweredBefore ? afterExistsInDoubt(evidence) : verdict('lost');
    default:
      return unreachable(evidence.last);
  }
}

function afterCreated(evidence: SwapEvidence): SettleStep {
  if (isPrompt(evidence)) return verdict('committed');
  // Late: N+1 may have been taken, superseded and expired meanwhile, and our PUT then filled the hole (void).
  if (evidence.largest === 'not-read') return look('largest');
  if (evidence.largest === 'is-own') return verdict('committed');
  switch (evidence.next) {
    case 'not-read':
      return look('next');
    case 'links-to-ours':
      return verdict('committed');
    case 'links-to-another':
      return verdict('void');
    case 'has-no-link':
      return verdict('unknown');
    case 'absent':
      if (evidence.unansweredBefore) return verdict('unknown');
      if (evidence.own === 'not-read') return look('own');
      return verdict(evidence.own === 'ours' ? 'void' : 'unknown');
    default:
      return unreachable(evidence.next);
  }
}

function afterExistsInDoubt(evidence: SwapEvidence): SettleStep {
  if (evidence.own === 'not-read') return look('own');
  if (isPrompt(evidence) && evidence.own !== 'absent') return verdict(evidence.own === 'ours' ? 'committed' : 'lost');
  if (evidence.largest === 'not-read') return look('largest');
  if (evidence.largest === 'is-own' && evidence.own !== 'absent') {
    return verdict(evidence.own === 'ours' ? 'committed' : 'lost');
  }
  switch (evidence.next) {
    case 'not-read':
      return look('next');
    case 'links-to-ours':
      return verdict('committed');
    case 'links-to-another':
      return verdict('lost');
    case 'has-no-link':
    case 'absent':
      return verdict('unknown');
    default:
      return unreachable(evidence.next);
  }
}

function verdict(value: SwapVerdict): SettleStep {
  return { kind: 'verdict', verdict: value };
}

function look(at: 'own' | 'largest' | 'next'): SettleStep {
  return { kind: 'look', at };
}
