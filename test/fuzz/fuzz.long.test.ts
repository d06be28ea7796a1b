import { expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { saveCase } from './cases.ts';
import { runTarget } from './run.ts';
import { targets } from './targets.ts';

const seed = Number(process.env['TIDELAKE_SEED'] ?? Math.floor(systemRandom.next() * 2 ** 31));
const inputsOfTarget = 7_500;
console.log(`fuzz seed ${seed}; TIDELAKE_SEED=${seed} repeats it`);

test.each(targets)('$name: a changed input gives an error with a code or the right answer', async target => {
  const inputs = Math.ceil(inputsOfTarget / (target.cost ?? 1));
  const { counts, failures } = await runTarget(target, { seed, inputs });
  console.log(`${target.name}: ${inputs} inputs: ${JSON.stringify(counts)}`);
  for (const failure of failures) console.log(`kept as ${saveCase(failure)}`);
  expect(failures.map(({ index, what }) => `input ${index} of seed ${seed}: ${what}`)).toEqual([]);
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(inputs);
});
