/**
 * The guards within `decideSettle` (S5), each with a way to take it away: the evidence is shown otherwise than it is.
 */
import type { SettleStep, SwapEvidence, SwapVerdict } from '../src/table/commit/decide-settle.ts';
import type { Deciders } from './deciders.ts';

export type SettleGuard = { readonly name: string; readonly off: (deciders: Deciders) => Deciders };

const verdict = (value: SwapVerdict): SettleStep => ({ kind: 'verdict', verdict: value });

export const settleGuards: readonly SettleGuard[] = [
  {
    name: 'a late 200 is looked into',
    off: seeing(evidence =>
      evidence.last === 'created' ? { ...evidence, baseStoreTimeMs: evidence.answeredMs } : evidence,
    ),
  },
  {
    name: 'a late 412 in doubt is looked into',
    off: seeing(evidence =>
      evidence.last === 'exists' ? { ...evidence, baseStoreTimeMs: evidence.answeredMs } : evidence,
    ),
  },
  {
    name: 'a 412 after a try without an answer may be of our own making',
    off: seeing(evidence => (evidence.last === 'exists' ? { ...evidence, unansweredBefore: false } : evidence)),
  },
  {
    name: 'what is not the largest may have been built on',
    off: telling(evidence =>
      evidence.last === 'created' && evidence.largest === 'is-not-own' ? verdict('void') : undefined,
    ),
  },
  {
    name: 'a link that names another means void',
    off: telling(({ last, next }) =>
      last === 'created' && next === 'links-to-another' ? verdict('committed') : undefined,
    ),
  },
  {
    name: 'a child without a link tells nothing',
    off: telling(({ last, next }) => (last === 'created' && next === 'has-no-link' ? verdict('void') : undefined)),
  },
  {
    name: 'with nothing above, a try without an answer leaves it unknown',
    off: seeing(evidence => {
      const isInDoubt = evidence.last === 'created' && evidence.next === 'absent';
      return isInDoubt ? { ...evidence, unansweredBefore: false } : evidence;
    }),
  },
  {
    name: 'with nothing above and nothing there, it is unknown',
    off: telling(({ last, next, own }) =>
      last === 'created' && next === 'absent' && own === 'absent' ? verdict('void') : undefined,
    ),
  },
  {
    name: 'after a 412 in doubt, nothing there is not another there',
    off: seeing(evidence =>
      evidence.last === 'exists' && evidence.own === 'absent' ? { ...evidence, own: 'another' } : evidence,
    ),
  },
  {
    name: 'after a late 412 in doubt, ours there need not be in the chain',
    off: telling(({ last, own, unansweredBefore }) =>
      last === 'exists' && unansweredBefore && own === 'ours' ? verdict('committed') : undefined,
    ),
  },
  {
    name: 'after a late 412 in doubt, nothing above leaves it unknown',
    off: telling(({ last, unansweredBefore, next }) =>
      last === 'exists' && unansweredBefore && next === 'absent' ? verdict('lost') : undefined,
    ),
  },
];

function seeing(otherwise: (evidence: SwapEvidence) => SwapEvidence): SettleGuard['off'] {
  return deciders => ({ ...deciders, decideSettle: evidence => deciders.decideSettle(otherwise(evidence)) });
}

/** undefined: as the product decides. */
function telling(otherwise: (evidence: SwapEvidence) => SettleStep | undefined): SettleGuard['off'] {
  return deciders => ({
    ...deciders,
    decideSettle: evidence => otherwise(evidence) ?? deciders.decideSettle(evidence),
  });
}
