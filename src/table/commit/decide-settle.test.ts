import { expect, test } from 'vitest';
import { decideSettle, type SettleStep, type SwapEvidence, type SwapVerdict } from './decide-settle.ts';
import { baseFreshMs } from './limits.ts';

const prompt: SwapEvidence = {
  baseStoreTimeMs: 1_000,
  last: 'created',
  unansweredBefore: false,
  answeredMs: 1_000 + baseFreshMs - 1,
  own: 'not-read',
  largest: 'not-read',
  next: 'not-read',
};
const late: SwapEvidence = { ...prompt, answeredMs: 1_000 + baseFreshMs };
const verdict = (value: SwapVerdict): SettleStep => ({ kind: 'verdict', verdict: value });
const look = (at: 'own' | 'largest' | 'next'): SettleStep => ({ kind: 'look', at });

test('S5: a prompt 200 is committed, also after a try without an answer', () => {
  expect(decideSettle(prompt)).toEqual(verdict('committed'));
  expect(decideSettle({ ...prompt, unansweredBefore: true })).toEqual(verdict('committed'));
});

test('S4: a 412 with no unanswered try before is lost, however late', () => {
  expect(decideSettle({ ...prompt, last: 'exists' })).toEqual(verdict('lost'));
  expect(decideSettle({ ...late, last: 'exists' })).toEqual(verdict('lost'));
});

test('S5: a 412 after an unanswered try is told by what lies at the number, if that answer is prompt', () => {
  const doubt: SwapEvidence = { ...prompt, last: 'exists', unansweredBefore: true };
  expect(decideSettle(doubt)).toEqual(look('own'));
  expect(decideSettle({ ...doubt, own: 'ours' })).toEqual(verdict('committed'));
  expect(decideSettle({ ...doubt, own: 'another' })).toEqual(verdict('lost'));
  // Nothing there tells nothing: it may have been ours, superseded and expired.
  expect(decideSettle({ ...doubt, own: 'absent' })).toEqual(look('largest'));
  // The PUT's answer was prompt, the GET's is not: it is the last one used.
  expect(decideSettle({ ...doubt, own: 'ours', answeredMs: late.answeredMs })).toEqual(look('largest'));
});

test('S5: after a late 200 the chain decides: largest id, then the link above', () => {
  expect(decideSettle(late)).toEqual(look('largest'));
  expect(decideSettle({ ...late, largest: 'is-own' })).toEqual(verdict('committed'));
  const below: SwapEvidence = { ...late, largest: 'is-not-own' };
  expect(decideSettle(below)).toEqual(look('next'));
  expect(decideSettle({ ...below, next: 'links-to-ours' })).toEqual(verdict('committed'));
  expect(decideSettle({ ...below, next: 'links-to-another' })).toEqual(verdict('void'));
  expect(decideSettle({ ...below, next: 'has-no-link' })).toEqual(verdict('unknown'));
});

test('S5: after a late 200 with nothing above, it is void only if no try is still on its way and ours lies there', () => {
  const hole: SwapEvidence = { ...late, largest: 'is-not-own', next: 'absent' };
  expect(decideSettle({ ...hole, unansweredBefore: true })).toEqual(verdict('unknown'));
  expect(decideSettle(hole)).toEqual(look('own'));
  expect(decideSettle({ ...hole, own: 'ours' })).toEqual(verdict('void'));
  expect(decideSettle({ ...hole, own: 'another' })).toEqual(verdict('unknown'));
  expect(decideSettle({ ...hole, own: 'absent' })).toEqual(verdict('unknown'));
});

test('S5: after a late 412 in doubt the chain decides, and silence above is unknown', () => {
  const doubt: SwapEvidence = { ...late, last: 'exists', unansweredBefore: true };
  for (const own of ['ours', 'another', 'absent'] as const) {
    const seen: SwapEvidence = { ...doubt, own };
    expect(decideSettle(seen)).toEqual(look('largest'));
    const below: SwapEvidence = { ...seen, largest: 'is-not-own' };
    expect(decideSettle(below)).toEqual(look('next'));
    expect(decideSettle({ ...below, next: 'links-to-ours' })).toEqual(verdict('committed'));
    expect(decideSettle({ ...below, next: 'links-to-another' })).toEqual(verdict('lost'));
    expect(decideSettle({ ...below, next: 'has-no-link' })).toEqual(verdict('unknown'));
    expect(decideSettle({ ...below, next: 'absent' })).toEqual(verdict('unknown'));
  }
  expect(decideSettle({ ...doubt, own: 'ours', largest: 'is-own' })).toEqual(verdict('committed'));
  expect(decideSettle({ ...doubt, own: 'another', largest: 'is-own' })).toEqual(verdict('lost'));
  // A number that vanishes while we look is not the largest of anything.
  expect(decideSettle({ ...doubt, own: 'absent', largest: 'is-own' })).toEqual(look('next'));
});

test('every evidence leads to a verdict within three looks', () => {
  const owns = ['ours', 'another', 'absent'] as const;
  const nexts = ['absent', 'links-to-ours', 'links-to-another', 'has-no-link'] as const;
  let paths = 0;
  for (const base of [prompt, late])
    for (const last of ['created', 'exists'] as const)
      for (const unansweredBefore of [false, true])
        for (const own of owns)
          for (const largest of ['is-own', 'is-not-own'] as const)
            for (const next of nexts) {
              let evidence: SwapEvidence = { ...base, last, unansweredBefore };
              let step = decideSettle(evidence);
              for (let looks = 0; step.kind === 'look'; looks += 1) {
                expect(looks).toBeLessThan(3);
                if (step.at === 'own') evidence = { ...evidence, own };
                else if (step.at === 'largest') evidence = { ...evidence, largest };
                else evidence = { ...evidence, next };
                step = decideSettle(evidence);
              }
              paths += 1;
            }
  expect(paths).toBe(192);
});
