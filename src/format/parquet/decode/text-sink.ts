/**
 * Where byte strings of a column go, end to end, with the place where each ends. Short ones are copied in words of eight
 * bytes, of which the last may run over what follows: that is written later, and there is always some room more.
 */
import { broken, type PaddedBytes } from './padded-bytes.ts';
import { checkedRoom } from './room.ts';

const wordBytes = 8;
/** Room behind the end: two words may be written where a value is empty. */
const spareBytes = 16;
const growth = 1.5;
/** From this length on the engine's own copy is faster than words in a loop. */
const wordCopyBytesMax = 96;

export class TextSink {
  /** Where value i begins and i - 1 ends; one more than there are values. */
  readonly offsets: Int32Array;
  #room: Uint8Array;
  #view: DataView;
  #end = 0;

  /** @param bytesGuess room made at first */
  constructor(rowCount: number, bytesGuess: number) {
    this.offsets = new Int32Array(rowCount + 1);
    this.#room = new Uint8Array(bytesGuess + spareBytes);
    this.#view = new DataView(this.#room.buffer);
  }

  /** The bytes appended. */
  get bytes(): Uint8Array {
    return this.#room.subarray(0, this.#end);
  }

  get byteLength(): number {
    return this.#end;
  }

  /** Makes room for so many bytes. */
  reserve(byteLength: number): void {
    const needed = checkedRoom(this.#end + byteLength) + spareBytes;
    if (needed <= this.#room.length) return;
    const grown = new Uint8Array(Math.max(needed, Math.ceil(this.#room.length * growth)));
    grown.set(this.bytes);
    this.#room = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** Appends bytes that values are in already, for which there is room. */
  appendBytes(bytes: Uint8Array): void {
    this.#room.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /**
   * Values with their length (4 bytes, little-endian) before each, for which there is room, as rows from `row` on.
   *
   * @returns where they end in the source
   */
  appendPlain(source: PaddedBytes, count: number, row: number): number {
    const { view, byteLength } = source;
    const { offsets } = this;
    const target = this.#view;
    let from = 0;
    let to = this.#end;
    for (let i = 1; i <= count; i += 1) {
      if (from + 4 > byteLength) throw broken('a text reaches past its page');
      const textBytes = view.getInt32(from, true);
      from += 4;
      if (textBytes < 0 || textBytes > byteLength - from) throw broken(`a text of ${textBytes} bytes`);
      if (textBytes <= wordCopyBytesMax) {
        for (let k = 0; k < textBytes; k += wordBytes) {
          target.setBigInt64(to + k, view.getBigInt64(from + k, true), true);
        }
      } else this.#room.set(source.bytes.subarray(from, from + textBytes), to);
      from += textBytes;
      to += textBytes;
      offsets[row + i] = to;
    }
    this.#end = to;
    return from;
  }

  /** Values out of a dictionary, for which there is room, as rows from `row` on. */
  appendPicked(texts: PickedTexts, places: Int32Array, { count, row }: PickedRows): void {
    const { source, starts } = texts;
    const { view } = source;
    const { offsets } = this;
    const target = this.#view;
    let to = this.#end;
    for (let i = 0; i < count; i += 1) {
      const place = places[i] ?? 0;
      const from = starts[place] ?? 0;
      const textBytes = (starts[place + 1] ?? 0) - 4 - from;
      if (textBytes <= wordCopyBytesMax) {
        for (let k = 0; k < textBytes; k += wordBytes) {
          target.setBigInt64(to + k, view.getBigInt64(from + k, true), true);
        }
      } else this.#room.set(source.bytes.subarray(from, from + textBytes), to);
      to += textBytes;
      offsets[row + 1 + i] = to;
    }
    this.#end = to;
  }

  /** As `appendPicked`, where all values of the dictionary have one length, up to 16. */
  appendPickedShort({ source }: PickedTexts, places: Int32Array, { count, row, textBytes }: ShortRows): void {
    const { view } = source;
    const { offsets } = this;
    const target = this.#view;
    const stride = textBytes + 4;
    let to = this.#end;
    for (let i = 0; i < count; i += 1) {
      const from = (places[i] ?? 0) * stride + 4;
      target.setBigInt64(to, view.getBigInt64(from, true), true);
      target.setBigInt64(to + 8, view.getBigInt64(from + 8, true), true);
      to += textBytes;
      offsets[row + 1 + i] = to;
    }
    this.#end = to;
  }

  /**
   * Values that begin as the one before does, for which there is room, as rows from `row` on. A word of what is shared
   * may run into the value itself, where the rest is then written.
   */
  appendPrefixed(source: PaddedBytes, { prefixes, suffixes, start }: PrefixedTexts, row: number): void {
    const { offsets } = this;
    let from = start;
    let previous = this.#end;
    let to = this.#end;
    for (let i = 0; i < prefixes.length; i += 1) {
      const prefixBytes = prefixes[i] ?? 0;
      const suffixBytes = suffixes[i] ?? 0;
      if (prefixBytes > wordCopyBytesMax) this.#room.copyWithin(to, previous, previous + prefixBytes);
      else copyWords(this.#view, previous, this.#view, { to, byteLength: prefixBytes });
      const suffixTo = to + prefixBytes;
      if (suffixBytes > wordCopyBytesMax) this.#room.set(source.bytes.subarray(from, from + suffixBytes), suffixTo);
      else copyWords(source.view, from, this.#view, { to: suffixTo, byteLength: suffixBytes });
      previous = to;
      from += suffixBytes;
      to = suffixTo + suffixBytes;
      offsets[row + 1 + i] = to;
    }
    this.#end = to;
  }
}

function copyWords(source: DataView, from: number, target: DataView, { to, byteLength }: Copied): void {
  for (let k = 0; k < byteLength; k += wordBytes) target.setBigInt64(to + k, source.getBigInt64(from + k, true), true);
}

type Copied = { readonly to: number; readonly byteLength: number };

/** How many bytes each value shares with the one before, and has besides, which begin at `start`. */
export type PrefixedTexts = { readonly prefixes: Int32Array; readonly suffixes: Int32Array; readonly start: number };

/** A dictionary's values: value i begins at `starts[i]`, and ends 4 bytes before the next begins. */
export type PickedTexts = { readonly source: PaddedBytes; readonly starts: Int32Array };

export type PickedRows = { readonly count: number; readonly row: number };
export type ShortRows = PickedRows & { readonly textBytes: number };
