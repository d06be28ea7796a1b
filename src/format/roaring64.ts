/**
 * Sets of 64-bit numbers as Java's Roaring64Bitmap serializes them, and their union, byte for byte as Java makes it:
 * containers of 65,536 numbers, found by the upper six bytes of the numbers in a radix tree (radix-tree.ts).
 *
 * ```
 * byte 0: empty, and that is all | byte 1
 * uint64 containers | tree | uint32 1 | byte -2 | uint32 room | per place: byte 0, or byte 1 and a container
 * uint64 containers | uint32 0 | uint32 last place
 * container: byte kind (0 runs, 1 bitmap, 2 list) | uint32 numbers | runs, bitmap or list as in a 32-bit set
 * ```
 *
 * Containers lie in the order they came in, with room for half as many again. All numbers are little-endian.
 *
 * @see RoaringBitmap 1.x Roaring64Bitmap, HighLowContainer, Containers; Paimon 1.4.2 RoaringBitmap64
 */
import { present } from '../base/assert.ts';
import { encodeRadixTree, insertLeaf, leavesOf, type RadixNode, radixKeyBytes, readRadixTree } from './radix-tree.ts';
import {
  bitsOf,
  type Container,
  containerSpan,
  listValuesMax,
  littleEndian,
  numbersOf,
  RoaringReader,
  readContainerOf,
} from './roaring.ts';
import { uniteContainers, withRuns } from './roaring-union.ts';

export type RoaringBitmap64 = {
  /** undefined: the set is empty. */
  readonly tree: RadixNode | undefined;
  /** By place; undefined: nothing is there. */
  readonly containers: readonly (Container | undefined)[];
  /** The place that was taken last. */
  readonly lastPlace: number;
};

const containerKinds = ['runs', 'bits', 'list'] as const;
const notTrimmed = 0xfe;

/**
 * @param where names the bytes in errors
 * @throws LakeError `corrupt` LAKE_CORRUPT_VECTOR
 */
export function decodeRoaring64(bytes: Uint8Array, where: string): RoaringBitmap64 {
  const reader = new RoaringReader(bytes, 0, where);
  const [tag = 0] = reader.take(1);
  if (tag === 0) return { tree: undefined, containers: [], lastPlace: 0 };
  if (tag !== 1) throw reader.broken(`it begins with ${tag}`);
  const keyCount = count64(reader);
  const tree = readRadixTree(reader);
  if (reader.uint32() !== 1) throw reader.broken('containers in more than one array');
  reader.take(1);
  const room = reader.uint32();
  // Each place takes a byte at least.
  if (room > bytes.length - reader.at) throw reader.broken('it has more places than bytes');
  const containers = Array.from({ length: room }, () => readPlace(reader));
  const containerCount = count64(reader);
  if (reader.uint32() !== 0) throw reader.broken('containers in more than one array');
  const lastPlace = reader.uint32();
  const held = containers.filter(container => container !== undefined).length;
  const leaves = [...leavesOf(tree)];
  const places = new Set(leaves.map(({ place }) => place));
  if (held !== containerCount || leaves.length !== keyCount || places.size !== held || lastPlace >= room) {
    throw reader.broken('its counts do not agree');
  }
  if (leaves.some(({ place }) => containers[place] === undefined)) throw reader.broken('a key without a container');
  return { tree, containers, lastPlace };
}

function readPlace(reader: RoaringReader): Container | undefined {
  const [isThere = 0] = reader.take(1);
  if (isThere === 0) return undefined;
  if (isThere !== 1) throw reader.broken(`a place that begins with ${isThere}`);
  const kind = containerKinds[reader.take(1)[0] ?? containerKinds.length];
  if (kind === undefined) throw reader.broken('a container of another kind');
  const cardinality = reader.uint32();
  if (cardinality < 1 || cardinality > containerSpan) throw reader.broken(`a container of ${cardinality} numbers`);
  return readContainerOf(reader, { key: 0, cardinality, kind });
}

function count64(reader: RoaringReader): number {
  const low = reader.uint32();
  if (reader.uint32() !== 0) throw reader.broken('it counts more than there can be');
  return low;
}

export function encodeRoaring64({ tree, containers, lastPlace }: RoaringBitmap64): Uint8Array {
  if (tree === undefined) return Uint8Array.of(0);
  const held = containers.filter(container => container !== undefined).length;
  const head = Buffer.alloc(9);
  head.writeUInt8(1);
  head.writeUInt32LE(held, 1);
  const middle = Buffer.alloc(9);
  middle.writeUInt32LE(1, 0);
  middle.writeUInt8(notTrimmed, 4);
  middle.writeUInt32LE(containers.length, 5);
  const tail = Buffer.alloc(16);
  tail.writeUInt32LE(held, 0);
  tail.writeUInt32LE(lastPlace, 12);
  return Buffer.concat([head, ...encodeRadixTree(tree), middle, ...containers.flatMap(encodePlace), tail]);
}

function encodePlace(container: Container | undefined): readonly Uint8Array[] {
  if (container === undefined) return [Uint8Array.of(0)];
  const head = Buffer.alloc(6);
  head.writeUInt8(1, 0);
  head.writeUInt8(containerKinds.indexOf(container.kind), 1);
  head.writeUInt32LE(container.cardinality, 2);
  switch (container.kind) {
    case 'runs':
      return [head, littleEndian([container.pairs.length / 2, ...container.pairs])];
    case 'bits':
      return [head, container.bits];
    case 'list':
      return [head, littleEndian([...container.values])];
  }
}

/** All numbers of both, as Java's `a.or(b)` leaves them. Their parts may be shared with `a` and `b`; both are used up. */
export function uniteRoaring64(a: RoaringBitmap64, b: RoaringBitmap64): RoaringBitmap64 {
  let { tree, lastPlace } = a;
  let containers = [...a.containers];
  const placeOf = new Map<string, number>();
  if (tree !== undefined) for (const { key, place } of leavesOf(tree)) placeOf.set(nameOf(key), place);
  for (const leaf of b.tree === undefined ? [] : [...leavesOf(b.tree)]) {
    const container = present(b.containers[leaf.place], 'container of a key');
    const known = placeOf.get(nameOf(leaf.key));
    if (known !== undefined) {
      containers[known] = uniteContainers(present(containers[known], 'container of a key'), container);
      continue;
    }
    lastPlace = containers.length === 0 ? 0 : lastPlace + 1;
    containers = grown(containers, lastPlace + 1);
    containers[lastPlace] = container;
    tree = insertLeaf(tree, { kind: 'leaf', key: leaf.key, place: lastPlace });
  }
  return { tree, lastPlace, containers: containers.map(held => (held === undefined ? held : withRuns(held))) };
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1');
}

function grown(containers: (Container | undefined)[], roomMin: number): (Container | undefined)[] {
  const room =
    containers.length >= roomMin ? containers.length : Math.max(roomMin, Math.floor(containers.length * 1.5));
  return [...containers, ...Array.from({ length: room - containers.length }, () => undefined)];
}

/** The set of these numbers, unsigned, as if they had been added one after the other. */
export function roaring64Of(numbers: readonly bigint[]): RoaringBitmap64 {
  let set: RoaringBitmap64 = { tree: undefined, containers: [], lastPlace: 0 };
  const byKey = Map.groupBy(new Set(numbers), number => BigInt.asUintN(64, number) >> 16n);
  for (const [high, members] of byKey) {
    const key = Buffer.from(high.toString(16).padStart(radixKeyBytes * 2, '0'), 'hex');
    const values = Uint16Array.from(members, member => Number(member & 0xffffn)).toSorted();
    const list: Container = { kind: 'list', key: 0, cardinality: values.length, values };
    const container = values.length > listValuesMax ? { ...list, kind: 'bits' as const, bits: bitsOf(list) } : list;
    set = uniteRoaring64(set, { tree: { kind: 'leaf', key, place: 0 }, containers: [container], lastPlace: 0 });
  }
  return set;
}

/** Ascending, unsigned. */
export function* numbersIn64({ tree, containers }: RoaringBitmap64): Generator<bigint, void, undefined> {
  if (tree === undefined) return;
  for (const { key, place } of leavesOf(tree)) {
    const base = BigInt(`0x${Buffer.from(key).toString('hex')}`) << 16n;
    const container = present(containers[place], 'container of a key');
    for (const value of numbersOf(container, 0, { from: 0, to: containerSpan })) yield base | BigInt(value);
  }
}
