import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('the engine knows the flag: it says nothing against it', () => {
  const file = new URL('./heap-marking.ts', import.meta.url).href;
  const program = `import { markHeapLate } from '${file}'; markHeapLate(); setTimeout(() => console.log('done'), 1_000);`;
  const flags = ['--no-warnings', '--input-type=module', '--eval', program];
  const { status, stdout, stderr } = spawnSync(process.execPath, flags, { encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'done\n', stderr: '' });
});
