import fc from 'fast-check';
import { expect, test } from 'vitest';
import { areAdds, isAdd, kindBits } from './row-kind.ts';

test('what is told of all kinds is what is told of each, also when asked again', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 1, 2, 3), { maxLength: 20 }), bytes => {
      const kinds = Int8Array.from(bytes);
      for (const _ of ['first', 'again']) {
        expect(areAdds(kinds)).toBe(bytes.every(isAdd));
        expect(kindBits(kinds) === 0).toBe(bytes.every(byte => byte === 0));
      }
    }),
  );
});

test('bytes that are no kinds show in the bits', () => {
  for (const byte of [4, 127, -1, -128]) expect(kindBits(Int8Array.of(0, byte, 3)) & ~3).not.toBe(0);
});
