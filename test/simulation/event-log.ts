/**
 * What happened in a world, as a running hash and the last few lines. Two runs of a seed are the same when their hashes are:
 * every request, its answer, its moment and its bytes go in.
 */
import { crc32 } from 'node:zlib';
import { mix } from './chance.ts';

export type SimEvent = {
  readonly timeMs: number;
  /** Which process. */
  readonly who: string;
  /** What it asked, or what befell it. */
  readonly what: string;
  /** Of what: a key, a shard. */
  readonly key: string;
  readonly outcome: () => string;
  /** Bytes that went or came. */
  readonly bytes?: Uint8Array | undefined;
};

const tailMax = 400;

export class EventLog {
  readonly #isHashed: boolean;
  readonly #tail: SimEvent[] = [];
  #hash = 0;
  #hashB = 1;
  #count = 0;

  /** @param options `isHashed`: hashing all bytes takes a third of the time of a quick world */
  constructor(options: { readonly isHashed: boolean }) {
    this.#isHashed = options.isHashed;
  }

  get count(): number {
    return this.#count;
  }

  /** 64 bits, in hex. */
  get hash(): string {
    return [this.#hash, this.#hashB].map(word => word.toString(16).padStart(8, '0')).join('');
  }

  add(event: SimEvent): void {
    this.#count += 1;
    this.#tail.push(event);
    if (this.#tail.length >= 2 * tailMax) this.#tail.splice(0, tailMax);
    if (!this.#isHashed) return;
    const { timeMs, who, what, key, outcome, bytes } = event;
    const text = crc32(`${timeMs}|${who}|${what}|${key}|${outcome()}`);
    const content = bytes === undefined ? 0 : crc32(bytes);
    this.#hash = mix(this.#hash ^ text, this.#count);
    this.#hashB = mix(this.#hashB ^ content ^ Math.imul(text, 31), this.#count);
  }

  /** The last lines, oldest first. */
  tail(count: number): readonly string[] {
    return this.#tail.slice(-count).map(({ timeMs, who, what, key, outcome }) => {
      const at = new Date(timeMs).toISOString().slice(5, 23).replace('T', ' ');
      return `${at}  ${who.padEnd(14)} ${what.padEnd(12)} ${key}  ${outcome()}`;
    });
  }
}
