// Runs the tests that ask real Paimon:
//   node scripts/run-interop.mjs [--histories N] [--histories-from SEED] [vitest arguments]
// With --histories only random histories are played.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  options: { histories: { type: 'string' }, 'histories-from': { type: 'string' } },
  allowPositionals: true,
});
const files = values.histories === undefined ? positionals : ['test/interop/histories.test.ts', ...positionals];
const env = { ...process.env };
if (values.histories !== undefined) env.TIDELAKE_HISTORIES = values.histories;
if (values['histories-from'] !== undefined) env.TIDELAKE_HISTORIES_FROM = values['histories-from'];
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'interop', ...files], { stdio: 'inherit', env });
process.exit(status ?? 1);
