/**
 * The process that decodes: `node worker.ts TARGET SEED FIRST END`, inputs [FIRST, END). Before each input its number goes
 * out on descriptor 3, so that whoever started the process knows which one it hung at or died of. One line of JSON on
 * stdout for each failure, and one at the end.
 */
import { writeSync } from 'node:fs';
import { smallest } from './minimize.ts';
import { inputOf, outcomeOf } from './target.ts';
import { targetNamed } from './targets.ts';

export type WorkerLine =
  | { readonly kind: 'failure'; readonly index: number; readonly what: string; readonly input: string }
  | { readonly kind: 'counts'; readonly counts: Readonly<Record<string, number>> };

/** More failures of one kind say nothing new. */
const failuresOfAKindMax = 3;
const countsEachInputs = 500;

function say(line: WorkerLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

async function run(name: string, seed: number, range: { readonly first: number; readonly end: number }): Promise<void> {
  const target = targetNamed(name);
  const corpus = target.corpus();
  const progress = new Uint32Array(1);
  const failures = new Map<string, number>();
  let counts: Record<string, number> = {};
  for (let index = range.first; index < range.end; index += 1) {
    progress[0] = index;
    writeSync(3, progress);
    const input = inputOf(target, corpus, { seed, index });
    const outcome = await outcomeOf(target, input);
    const label = outcome.kind === 'refused' ? outcome.code : outcome.kind;
    counts[label] = (counts[label] ?? 0) + 1;
    if (outcome.kind === 'failure') {
      const kind = outcome.what.replaceAll(/\d+/g, 'N').slice(0, 60);
      const seen = (failures.get(kind) ?? 0) + 1;
      failures.set(kind, seen);
      if (seen <= failuresOfAKindMax) {
        const found = await smallest(target, input, outcome.what);
        say({ kind: 'failure', index, what: outcome.what, input: Buffer.from(found).toString('base64') });
      }
    }
    if (index % countsEachInputs === 0 || index === range.end - 1) {
      say({ kind: 'counts', counts });
      counts = {};
    }
  }
}

const [name = '', seed, first, end] = process.argv.slice(2);
await run(name, Number(seed), { first: Number(first), end: Number(end) });
process.exit(0);
