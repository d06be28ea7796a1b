import { randomBytes, randomUUID } from 'node:crypto';

/** Chance as a parameter. Only this file touches the real source; simulation brings a seeded one. */
export type Random = {
  /** A number in [0, 1). */
  next(): number;
  /** A fresh lower-case RFC 9562 UUID. */
  uuid(): string;
};

export const systemRandom: Random = {
  next: () => randomBytes(4).readUInt32LE() / 0x1_0000_0000,
  uuid: () => randomUUID(),
};

/** A repeatable source: the same seed gives the same sequence (a counter through the murmur3 finalizer). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const word = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  const text = Buffer.from('00000000-0000-4000-8000-000000000000');
  /** The first digits of the next word. */
  const putHex = (at: number, count: number): void => {
    const bits = word();
    for (let i = 0; i < count; i += 1) text[at + i] = hexDigits.charCodeAt((bits >>> (28 - 4 * i)) & 0xf);
  };
  return {
    next: () => word() / 0x1_0000_0000,
    uuid: () => {
      putHex(0, 8);
      putHex(9, 4);
      putHex(15, 3);
      putHex(20, 3);
      putHex(24, 8);
      putHex(32, 4);
      return text.toString('latin1');
    },
  };
}

const hexDigits = '0123456789abcdef';
