import { expect, test } from 'vitest';
import { type ChainSnapshot, chainOf, linkBetween } from './decide-chain.ts';

function snapshot(id: number, parent: string | undefined, identity = `s${id}`): ChainSnapshot {
  return { id, deltaManifestList: identity, properties: parent === undefined ? {} : { 'tidelake.parent': parent } };
}

test('S9: a link is broken only when it names another; without one it is by number', () => {
  expect(linkBetween(snapshot(2, 's1'), snapshot(1, undefined))).toBe('linked');
  expect(linkBetween(snapshot(2, 'x'), snapshot(1, undefined))).toBe('broken');
  expect(linkBetween(snapshot(2, undefined), snapshot(1, undefined))).toBe('by-number');
});

test('S9: the chain ends at a hole, at a broken link, or at the bottom', () => {
  const [three, two] = [snapshot(3, 's2'), snapshot(2, undefined)];
  expect(chainOf([three, two])).toEqual({ count: 2, end: { kind: 'bottom' } });
  expect(chainOf([three, two, snapshot(1, undefined, 'late')])).toEqual({ count: 3, end: { kind: 'bottom' } });
  const linked = snapshot(2, 's1');
  expect(chainOf([three, linked, snapshot(1, undefined, 'late')])).toEqual({
    count: 2,
    end: { kind: 'broken', id: 1 },
  });
  expect(chainOf([snapshot(5, 's4'), three, two])).toEqual({ count: 1, end: { kind: 'hole', id: 4 } });
  expect(chainOf([])).toEqual({ count: 0, end: { kind: 'bottom' } });
});
