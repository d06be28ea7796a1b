/**
 * An adaptive radix tree over keys of six bytes, as Java's 64-bit Roaring bitmaps serialize theirs: inner nodes of four
 * sizes that grow as children come, with the bytes that all keys below them have in common; each leaf says at which place
 * its container is. Node after node, children after their parent, in order of keys:
 *
 * ```
 * byte kind (0 to 3: 4, 16, 48, 256 children; 4: leaf) | uint16 children | byte length of common bytes | common bytes
 * of 4 and 16: bytes of the children, eight (four) bytes each a little-endian number whose highest byte is the first child's
 * of 48: for each byte the place of its child or 255, in numbers of eight as above | of 256: a bit for each byte
 * leaf: 6 bytes key | uint64 place
 * ```
 *
 * What a tree looks like depends on the order in which its keys came; it is kept and grown as Java grows it.
 *
 * @see RoaringBitmap 1.x org.roaringbitmap.art, Leis et al., The Adaptive Radix Tree, 2013
 */
import { present } from '../base/assert.ts';
import type { RoaringReader } from './roaring.ts';

export const radixKeyBytes = 6;

export type RadixLeaf = { readonly kind: 'leaf'; readonly key: Uint8Array; readonly place: number };
export type RadixNode = RadixLeaf | RadixBranch;

type Capacity = 4 | 16 | 48 | 256;
type Child = {
  readonly byte: number;
  node: RadixNode /** Of 48: where it is among its siblings. */;
  readonly slot: number;
};

type RadixBranch = {
  readonly kind: 'branch';
  capacity: Capacity;
  prefix: Uint8Array;
  /** Bytes ascending. */
  readonly children: Child[];
};

const capacities: readonly Capacity[] = [4, 16, 48, 256];
const leafKind = 4;

/** Leaves in the order of their keys. */
export function* leavesOf(node: RadixNode): Generator<RadixLeaf, void, undefined> {
  if (node.kind === 'leaf') yield node;
  else for (const child of node.children) yield* leavesOf(child.node);
}

/** Puts a key in that is not there. @returns the root from now on */
export function insertLeaf(node: RadixNode | undefined, leaf: RadixLeaf, depth = 0): RadixNode {
  if (node === undefined) return leaf;
  const rest = leaf.key.subarray(depth);
  if (node.kind === 'leaf') return split(node, node.key.subarray(depth), leaf, rest);
  const common = commonBytes(node.prefix, rest);
  if (common < node.prefix.length) {
    const { prefix } = node;
    node.prefix = prefix.subarray(common + 1);
    return split(node, prefix, leaf, rest);
  }
  const byte = present(rest[common], 'byte of a key');
  const child = node.children.find(candidate => candidate.byte === byte);
  if (child === undefined) addChild(node, byte, leaf);
  else child.node = insertLeaf(child.node, leaf, depth + common + 1);
  return node;
}

/** A new parent of a node and a leaf whose bytes differ somewhere. */
function split(node: RadixNode, bytes: Uint8Array, leaf: RadixLeaf, rest: Uint8Array): RadixBranch {
  const common = commonBytes(bytes, rest);
  const parent: RadixBranch = { kind: 'branch', capacity: 4, prefix: rest.slice(0, common), children: [] };
  addChild(parent, present(bytes[common], 'byte of a key'), node);
  addChild(parent, present(rest[common], 'byte of a key'), leaf);
  return parent;
}

function addChild(parent: RadixBranch, byte: number, node: RadixNode): void {
  const { children } = parent;
  if (children.length === parent.capacity) {
    parent.capacity = present(capacities[capacities.indexOf(parent.capacity) + 1], 'room for another byte');
    // The children of a node that has become one of 48 are in order.
    if (parent.capacity === 48) for (const [slot, child] of children.entries()) children[slot] = { ...child, slot };
  }
  const at = children.findIndex(child => child.byte > byte);
  children.splice(at < 0 ? children.length : at, 0, { byte, node, slot: freeSlot(children) });
}

function freeSlot(children: readonly Child[]): number {
  const taken = new Set(children.map(({ slot }) => slot));
  if (!taken.has(children.length)) return children.length;
  let slot = 0;
  while (taken.has(slot)) slot += 1;
  return slot;
}

function commonBytes(a: Uint8Array, b: Uint8Array): number {
  let common = 0;
  while (common < a.length && common < b.length && a[common] === b[common]) common += 1;
  return common;
}

export function encodeRadixTree(node: RadixNode): Uint8Array[] {
  if (node.kind === 'leaf') {
    const body = Buffer.alloc(radixKeyBytes + 8);
    body.set(node.key);
    body.writeBigUInt64LE(BigInt(node.place), radixKeyBytes);
    return [Uint8Array.of(leafKind, 0, 0, 0), body];
  }
  const { capacity, prefix, children } = node;
  const count = children.length;
  const head = Uint8Array.of(capacities.indexOf(capacity), count & 0xff, count >> 8, prefix.length, ...prefix);
  return [head, encodeChildren(node), ...children.flatMap(child => encodeRadixTree(child.node))];
}

function encodeChildren({ capacity, children }: RadixBranch): Uint8Array {
  switch (capacity) {
    case 4:
    case 16: {
      const bytes = new Uint8Array(capacity);
      bytes.set(children.map(({ byte }) => byte));
      return inReverse(bytes, Math.min(8, capacity));
    }
    case 48: {
      const slots = new Uint8Array(256).fill(0xff);
      for (const { byte, slot } of children) slots[byte] = slot;
      return inReverse(slots, 8);
    }
    case 256: {
      const bits = new Uint8Array(32);
      for (const { byte } of children) bits[byte >> 3] = (bits[byte >> 3] ?? 0) | (1 << (byte & 7));
      return bits;
    }
  }
}

/** Each stretch of so many bytes the other way round. */
function inReverse(bytes: Uint8Array, width: number): Uint8Array {
  const turned = Uint8Array.from(bytes);
  for (let start = 0; start < turned.length; start += width) turned.subarray(start, start + width).reverse();
  return turned;
}

/**
 * @param path bytes that all keys of the node begin with
 * @throws LakeError `corrupt` LAKE_CORRUPT_VECTOR
 */
export function readRadixTree(reader: RoaringReader, path: readonly number[] = []): RadixNode {
  const [kind = 0] = reader.take(1);
  const [count = 0] = reader.uint16s(1);
  const [prefixLength = 0] = reader.take(1);
  const prefix = Uint8Array.from(reader.take(prefixLength));
  if (kind === leafKind) {
    const key = Uint8Array.from(reader.take(radixKeyBytes));
    const place = reader.uint32();
    if (reader.uint32() !== 0) throw reader.broken('a container beyond all that there can be');
    if (path.some((byte, index) => key[index] !== byte)) throw reader.broken('a key that is not where it belongs');
    return { kind: 'leaf', key, place };
  }
  const capacity = capacities[kind];
  if (capacity === undefined) throw reader.broken(`a node of kind ${kind}`);
  if (count < 1 || count > capacity) throw reader.broken(`${count} children in a node of ${capacity}`);
  const below = [...path, ...prefix];
  if (below.length >= radixKeyBytes) throw reader.broken('a tree that is deeper than its keys');
  const places = readChildren(reader, capacity, count);
  const children = places.map((place): Child => ({ ...place, node: readRadixTree(reader, [...below, place.byte]) }));
  return { kind: 'branch', capacity, prefix, children };
}

function readChildren(reader: RoaringReader, capacity: Capacity, count: number): readonly Omit<Child, 'node'>[] {
  const places: Omit<Child, 'node'>[] = [];
  if (capacity === 4 || capacity === 16) {
    const bytes = inReverse(reader.take(capacity), Math.min(8, capacity)).subarray(0, count);
    for (const [slot, byte] of bytes.entries()) places.push({ byte, slot });
  } else if (capacity === 48) {
    const slots = inReverse(reader.take(256), 8);
    for (const [byte, slot] of slots.entries()) if (slot !== 0xff) places.push({ byte, slot });
  } else {
    const bits = reader.take(32);
    for (let byte = 0; byte < 256; byte += 1) {
      if (((present(bits[byte >> 3], 'byte') >> (byte & 7)) & 1) === 1) places.push({ byte, slot: byte });
    }
  }
  const isWrong = places.some(({ byte, slot }, index) => slot >= capacity || byte <= (places[index - 1]?.byte ?? -1));
  const slots = new Set(places.map(({ slot }) => slot));
  if (isWrong || places.length !== count || slots.size !== count) throw reader.broken('children of a node in disorder');
  return places;
}
