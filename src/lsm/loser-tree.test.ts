import fc from 'fast-check';
import { expect, test } from 'vitest';
import { endedHead, LoserTree } from './loser-tree.ts';

test('lists come out merged, equal values by leaf', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.integer({ min: -20, max: 20 })), { minLength: 1, maxLength: 20 }), lists => {
      const sorted = lists.map(list => list.toSorted((a, b) => a - b));
      const tree = new LoserTree(lists.length, (a, b) => a < b);
      const positions = lists.map(() => 0);
      for (const [leaf, list] of sorted.entries()) tree.heads[leaf] = list[0] ?? endedHead;
      const merged: [number, number][] = [];
      let winner = tree.build();
      while (tree.heads[winner] !== endedHead) {
        merged.push([tree.heads[winner] ?? 0, winner]);
        const position = (positions[winner] ?? 0) + 1;
        positions[winner] = position;
        tree.heads[winner] = sorted[winner]?.[position] ?? endedHead;
        winner = tree.replay(winner);
      }
      const expected = sorted.flatMap((list, leaf) => list.map((value): [number, number] => [value, leaf]));
      expect(merged).toEqual(expected.toSorted(([a, i], [b, j]) => a - b || i - j));
    }),
  );
});
