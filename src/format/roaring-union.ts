/**
 * The union of Roaring bitmaps, byte for byte as Java makes it: whether a stretch is a list, a bitmap or runs depends not only
 * on what is in it, but on what it was.
 *
 * @see RoaringBitmap 1.x Container.ior and runOptimize, RoaringBitmap.or; Paimon 1.4.2 RoaringBitmap32
 */
import {
  bitsBytes,
  bitsOf,
  type Container,
  containerSpan,
  countBits,
  listValuesMax,
  numbersOf,
  type RoaringBitmap,
} from './roaring.ts';

/** All numbers of both, as `a.or(b)` leaves them and `runOptimize` after it. Parts may be shared with `a` and `b`. */
export function uniteRoaring(a: RoaringBitmap, b: RoaringBitmap): RoaringBitmap {
  const byKey = new Map(a.containers.map(container => [container.key, container]));
  for (const container of b.containers) {
    const known = byKey.get(container.key);
    byKey.set(container.key, known === undefined ? container : uniteContainers(known, container));
  }
  const containers = [...byKey.values()].toSorted((one, other) => one.key - other.key).map(withRuns);
  return { containers, cardinality: containers.reduce((sum, { cardinality }) => sum + cardinality, 0) };
}

/** All numbers of both, as Java's `a.ior(b)` leaves them. They have the same key. */
export function uniteContainers(a: Container, b: Container): Container {
  const { key } = a;
  const bits = Uint8Array.from(bitsOf(a));
  for (const [index, byte] of bitsOf(b).entries()) bits[index] = (bits[index] ?? 0) | byte;
  const merged: Container = { kind: 'bits', key, cardinality: countBits(bits), bits };
  if (a.kind === 'bits' || b.kind === 'bits') return merged;
  const pairs = pairsOf(merged);
  const { cardinality } = merged;
  const plainBytes = Math.min(bitsBytes, 2 + cardinality * 2);
  const staysRuns = (a.kind === 'runs' || b.kind === 'runs') && 2 + pairs.length * 2 <= plainBytes;
  if (staysRuns) return { kind: 'runs', key, cardinality, pairs };
  return cardinality > listValuesMax ? merged : listOf(merged);
}

/** Runs, where they take fewer bytes, as Java's `runOptimize` has it; runs that a union has left stay. */
export function withRuns(container: Container): Container {
  if (container.kind === 'runs') return container;
  const { key, cardinality } = container;
  const pairs = pairsOf(container);
  const plainBytes = container.kind === 'bits' ? bitsBytes : cardinality * 2;
  return 2 + pairs.length * 2 < plainBytes ? { kind: 'runs', key, cardinality, pairs } : container;
}

function listOf(container: Container): Container {
  const values = Uint16Array.from(numbersOf(container, 0, { from: 0, to: containerSpan }));
  return { kind: 'list', key: container.key, cardinality: container.cardinality, values };
}

function pairsOf(container: Container): Uint16Array {
  const pairs: number[] = [];
  let next = -1;
  for (const value of numbersOf(container, 0, { from: 0, to: containerSpan })) {
    if (value === next) pairs[pairs.length - 1] = (pairs.at(-1) ?? 0) + 1;
    else pairs.push(value, 0);
    next = value + 1;
  }
  return Uint16Array.from(pairs);
}
