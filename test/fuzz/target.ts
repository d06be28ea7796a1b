/**
 * What is fuzzed: a decoder, real inputs, how they are changed, and what must hold of an answer.
 *
 * A right outcome is a LakeError that lays the blame on the input, or a value about which `decode` found nothing wrong.
 * Everything else is a failure: another exception, a value that contradicts itself (`WrongAnswer`), a hang, a crash, or
 * memory out of proportion to the input.
 */
import { isDeepStrictEqual } from 'node:util';
import { isLakeError } from '../../src/base/errors.ts';
import type { Random } from '../../src/base/random.ts';
import { seededRandom } from '../../src/base/random.ts';
import { type Mutator, pick } from './mutate-bytes.ts';

export type Target = {
  readonly name: string;
  /** Exported decoders that it goes through, for the test that none is left out. */
  readonly decoders: readonly string[];
  readonly corpus: () => readonly Uint8Array[];
  readonly mutate: Mutator;
  /** Decodes and checks. @throws WrongAnswer when the answer cannot be right */
  readonly decode: (input: Uint8Array) => unknown;
  /** How many inputs of it take the time of one of an ordinary target's; default 1. */
  readonly cost?: number;
};

/** An answer passed off as right that is not. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer';
}

export type Outcome =
  | { readonly kind: 'value' }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'failure'; readonly what: string };

const blamesInput: ReadonlySet<string> = new Set(['invalid', 'corrupt', 'unsupported']);

/** Memory that any input may cost, and that each of its bytes may cost besides. */
const memoryBytesBase = 64 * 1024 * 1024;
const memoryBytesPerByte = 100;

export async function outcomeOf(target: Target, input: Uint8Array): Promise<Outcome> {
  const before = usedBytes();
  const outcome = await decodeOutcome(target, input);
  const used = usedBytes() - before;
  if (used > memoryBytesBase + memoryBytesPerByte * input.length) {
    return { kind: 'failure', what: `memory: ${Math.round(used / 2 ** 20)} MB for ${input.length} bytes` };
  }
  return outcome;
}

async function decodeOutcome(target: Target, input: Uint8Array): Promise<Outcome> {
  try {
    await target.decode(input);
    return { kind: 'value' };
  } catch (error) {
    if (isLakeError(error) && blamesInput.has(error.kind)) return { kind: 'refused', code: error.code };
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { kind: 'failure', what: text.slice(0, 300) };
  }
}

function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The input of that number: the same for the same seed, whatever came before. */
export function inputOf(
  target: Target,
  corpus: readonly Uint8Array[],
  place: { seed: number; index: number },
): Uint8Array {
  const random: Random = seededRandom(Math.imul(place.seed, 0x9e37_79b1) ^ Math.imul(place.index + 1, 0x85eb_ca77));
  // Copies: a slice of a Buffer, which files come in as, would share its memory.
  const [input, other] = [pick(random, corpus), pick(random, corpus)].map(bytes => Uint8Array.from(bytes));
  return Uint8Array.from(target.mutate(input ?? new Uint8Array(), random, other ?? new Uint8Array()));
}

/** Holds that a value comes back when it is written and read. */
export function comesBack<T>(value: T, encode: (value: T) => Uint8Array, decode: (bytes: Uint8Array) => T): T {
  const again = decode(encode(value));
  if (!isDeepStrictEqual(again, value)) throw new WrongAnswer('what was read, written and read again is another value');
  return value;
}

export function holds(condition: boolean, what: string): void {
  if (!condition) throw new WrongAnswer(what);
}
