/** Makes an input that fails smaller, as long as it fails alike. */
import { outcomeOf, type Target } from './target.ts';

const triesMax = 400;

/** What is left when pieces are cut out, large ones first. */
export async function smallest(target: Target, input: Uint8Array, what: string): Promise<Uint8Array> {
  let best = input;
  let tries = 0;
  for (let piece = Math.ceil(best.length / 2); piece >= 1; piece = piece === 1 ? 0 : Math.ceil(piece / 2)) {
    for (let at = 0; at < best.length; ) {
      tries += 1;
      if (tries > triesMax) return best;
      const shorter = Uint8Array.from([...best.subarray(0, at), ...best.subarray(at + piece)]);
      const outcome = await outcomeOf(target, shorter);
      if (outcome.kind === 'failure' && sameKind(outcome.what, what)) best = shorter;
      else at += piece;
    }
  }
  return best;
}

/** The same kind of exception; of its message only the beginning, since the rest quotes the input. */
function sameKind(a: string, b: string): boolean {
  const kind = (text: string): string => text.replaceAll(/\d+/g, 'N').slice(0, 30);
  return kind(a) === kind(b);
}
