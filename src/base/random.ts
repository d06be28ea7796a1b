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
  const hex = (n: number): string => word().toString(16).padStart(8, '0').slice(0, n);
  return {
    next: () => word() / 0x1_0000_0000,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(8)}${hex(4)}`,
  };
}
