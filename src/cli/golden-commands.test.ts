import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { registerGoldenCommands } from './golden-commands.ts';

const root = fileURLToPath(new URL('../../test/golden/tables', import.meta.url));

async function run(
  ...args: readonly string[]
): Promise<{ readonly lines: readonly string[]; readonly failed: boolean }> {
  const lines: string[] = [];
  let failed = false;
  const program = new Command().exitOverride();
  const fail = (): void => {
    failed = true;
  };
  registerGoldenCommands(program, {
    clock: systemClock,
    random: seededRandom(1),
    print: line => lines.push(line),
    fail,
  });
  await program.parseAsync(['golden', ...args], { from: 'user' });
  return { lines, failed };
}

test('golden read prints the counts, golden replay what is refused', async () => {
  expect(await run('read', root, '--tables', 'comp_none,dv_pk')).toEqual({
    lines: ['2 passed, 0 failed, 0 refused'],
    failed: false,
  });
  expect(await run('replay', root, '--out', 'memory:golden-refused-command', '--tables', 'ice_pk')).toEqual({
    lines: [
      'refused ice_pk: writing ice_pk: metadata.iceberg.storage=table-location is not supported by Tidelake',
      '0 passed, 0 failed, 1 refused',
    ],
    failed: false,
  });
});

test('golden replay ends with status 1 when a table failed', async () => {
  const args = ['replay', root, '--out', 'memory:golden-command', '--tables', 'comp_none'];
  expect(await run(...args)).toEqual({ lines: ['1 passed, 0 failed, 0 refused'], failed: false });
  const again = await run(...args);
  expect(again.failed).toBe(true);
  expect(again.lines).toEqual([
    expect.stringMatching(/^FAILED {2}comp_none: LAKE_TABLE_EXISTS/),
    '0 passed, 1 failed, 0 refused',
  ]);
});
