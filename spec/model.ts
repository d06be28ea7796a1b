/**
 * Explores the model of the protocol and prints what was seen.
 *
 *   npm run model -- [--world NAME] [--bound small|full]
 *
 * One line a setting; where an invariant does not hold, a shortest way to it, and exit code 1.
 */
import { parseArgs } from 'node:util';
import { productDeciders } from './deciders.ts';
import { printBreach } from './explorer.ts';
import { type Bound, worldNames, worlds } from './worlds.ts';

const { values } = parseArgs({ options: { world: { type: 'string' }, bound: { type: 'string', default: 'full' } } });
const names = worldNames.filter(name => values.world === undefined || values.world === name);
const bounds: readonly Bound[] | undefined =
  values.bound === 'full' ? ['small', 'full'] : values.bound === 'small' ? ['small'] : undefined;
if (names.length === 0 || bounds === undefined) {
  console.error(`usage: npm run model -- [--world ${worldNames.join('|')}] [--bound small|full]`);
  process.exit(2);
}

function line(name: string, figures: readonly (string | number)[]): string {
  const [states = '', transitions = '', depth = '', seconds = ''] = figures.map(figure =>
    typeof figure === 'number' ? figure.toLocaleString('en') : figure,
  );
  return `${name.padEnd(40)} ${states.padStart(11)} ${transitions.padStart(12)} ${depth.padStart(6)} ${seconds.padStart(8)}`;
}

let [states, transitions, breaches] = [0, 0, 0];
const startedMs = performance.now();
const secondsSince = (ms: number): string => ((performance.now() - ms) / 1_000).toFixed(1);
console.log(line('world', ['states', 'transitions', 'depth', 'seconds']));
for (const name of names) {
  for (const { what, explore } of bounds.flatMap(bound => worlds[name][bound])) {
    const beganMs = performance.now();
    const result = explore(productDeciders);
    states += result.states;
    transitions += result.transitions;
    console.log(line(`${name}, ${what}`, [result.states, result.transitions, result.depth, secondsSince(beganMs)]));
    if (result.breach === undefined) continue;
    breaches += 1;
    console.log(printBreach(result.breach));
  }
}
console.log(line('all', [states, transitions, '', secondsSince(startedMs)]));
console.log(breaches === 0 ? 'every invariant holds' : `${breaches} breaches`);
process.exitCode = breaches === 0 ? 0 : 1;
