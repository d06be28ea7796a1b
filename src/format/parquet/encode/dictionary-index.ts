/**
 * The kernels of a dictionary: for each value the number of the entry it equals, in one pass over a hash table.
 *
 * The table is open: `slots[hash]`, or the next free slot after it, holds the number of an entry plus one; `places` says of
 * each entry at which value it was first met. It is at most a quarter full. A kernel for each width of values has its own
 * loop, since a call for each value would cost as much as all the rest.
 */
import type { ByteStrings } from './leaf-values.ts';
import type { Places } from './values-at.ts';

export type EntryLimits = { readonly entriesMax: number };

const slotsMin = 1024;
const multiplier = 0x9e37_79b1;

class Entries {
  places = new Int32Array(slotsMin / 4);
  slots = new Int32Array(slotsMin);
  count = 0;
  #hashes = new Int32Array(slotsMin / 4);
  readonly #entriesMax: number;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  /** A new entry, for the value at `place`. @returns its number plus one; 0 when there may be no more */
  add(slot: number, place: number, hash: number): number {
    if (this.count >= this.#entriesMax) return 0;
    this.places[this.count] = place;
    this.#hashes[this.count] = hash;
    this.count += 1;
    this.slots[slot] = this.count;
    if (this.count === this.places.length) this.#grow();
    return this.count;
  }

  /** Twice the room; every entry has to be put by its hash again. */
  #grow(): void {
    this.places = doubled(this.places);
    this.#hashes = doubled(this.#hashes);
    const slots = new Int32Array(this.slots.length * 2);
    const mask = slots.length - 1;
    for (let entry = 0; entry < this.count; entry += 1) {
      let slot = (this.#hashes[entry] ?? 0) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = entry + 1;
    }
    this.slots = slots;
  }
}

function doubled(words: Int32Array): Int32Array<ArrayBuffer> {
  const out = new Int32Array(words.length * 2);
  out.set(words);
  return out;
}

/**
 * Values of one word each.
 *
 * @param indexes is filled, one for each value
 * @returns where each entry was first met; undefined when there are more than may be
 */
export function indexWords(words: Int32Array, indexes: Int32Array, { entriesMax }: EntryLimits): Places | undefined {
  const entries = new Entries(entriesMax);
  for (let i = 0; i < indexes.length; i += 1) {
    const { slots, places } = entries;
    const mask = slots.length - 1;
    const value = words[i] ?? 0;
    const hash = mixed(value);
    let slot = hash & mask;
    let entry = slots[slot] ?? 0;
    while (entry !== 0 && words[places[entry - 1] ?? 0] !== value) {
      slot = (slot + 1) & mask;
      entry = slots[slot] ?? 0;
    }
    if (entry === 0) entry = entries.add(slot, i, hash);
    if (entry === 0) return undefined;
    indexes[i] = entry - 1;
  }
  return entries;
}

/** As `indexWords`, of values of two words. */
export function indexPairs(words: Int32Array, indexes: Int32Array, { entriesMax }: EntryLimits): Places | undefined {
  const entries = new Entries(entriesMax);
  for (let i = 0; i < indexes.length; i += 1) {
    const { slots, places } = entries;
    const mask = slots.length - 1;
    const low = words[i * 2] ?? 0;
    const high = words[i * 2 + 1] ?? 0;
    const hash = mixedPair(low, high);
    let slot = hash & mask;
    let entry = slots[slot] ?? 0;
    while (entry !== 0) {
      const place = places[entry - 1] ?? 0;
      if (words[place * 2] === low && words[place * 2 + 1] === high) break;
      slot = (slot + 1) & mask;
      entry = slots[slot] ?? 0;
    }
    if (entry === 0) entry = entries.add(slot, i, hash);
    if (entry === 0) return undefined;
    indexes[i] = entry - 1;
  }
  return entries;
}

/** As `indexWords`, of byte strings, whose entries may take so many bytes with their lengths. */
export function indexStrings(
  { bytes, offsets }: ByteStrings,
  indexes: Int32Array,
  { bytesMax }: { readonly bytesMax: number },
): Places | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = new Entries(Number.MAX_SAFE_INTEGER);
  let entryBytes = 0;
  for (let i = 0; i < indexes.length; i += 1) {
    const { slots, places } = entries;
    const mask = slots.length - 1;
    const start = offsets[i] ?? 0;
    const length = (offsets[i + 1] ?? 0) - start;
    const hash = hashBytes(view, start, start + length);
    let slot = hash & mask;
    let entry = slots[slot] ?? 0;
    while (entry !== 0) {
      const place = places[entry - 1] ?? 0;
      const other = offsets[place] ?? 0;
      if ((offsets[place + 1] ?? 0) - other === length && areSameBytes(view, other, start, length)) break;
      slot = (slot + 1) & mask;
      entry = slots[slot] ?? 0;
    }
    if (entry === 0) {
      entryBytes += 4 + length;
      entry = entryBytes > bytesMax ? 0 : entries.add(slot, i, hash);
    }
    if (entry === 0) return undefined;
    indexes[i] = entry - 1;
  }
  return entries;
}

/** Every bit of the word tells on the low bits, which are the ones that are used (the finalizer of MurmurHash3). */
function mixed(word: number): number {
  let hash = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}

function mixedPair(low: number, high: number): number {
  return mixed(Math.imul(low, multiplier) ^ (low >>> 15) ^ high);
}

function hashBytes(view: DataView, start: number, end: number): number {
  let hash = end - start;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    hash = Math.imul(hash ^ view.getInt32(at, true), multiplier);
    hash ^= hash >>> 15;
  }
  for (; at < end; at += 1) {
    hash = Math.imul(hash ^ view.getUint8(at), multiplier);
    hash ^= hash >>> 15;
  }
  return mixed(hash);
}

/** Whether `length` bytes are the same from `a` and from `b` on; parameters one by one, since it is called for each value. */
function areSameBytes(view: DataView, a: number, b: number, length: number): boolean {
  let i = 0;
  for (; i + 4 <= length; i += 4) if (view.getInt32(a + i, true) !== view.getInt32(b + i, true)) return false;
  for (; i < length; i += 1) if (view.getUint8(a + i) !== view.getUint8(b + i)) return false;
  return true;
}
