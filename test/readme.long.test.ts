/** The README's example runs as it stands there: cut out, pointed at this source and a folder of its own, and run. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

test('the example in the README runs and prints what it promises', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const example = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? '';
  const lines = example.trim().split('\n');
  expect(lines.length).toBeGreaterThanOrEqual(18);
  expect(lines.length).toBeLessThanOrEqual(25);
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-readme-'));
  try {
    const source = example.replace("'tidelake'", `'${join(root, 'src/index.ts')}'`);
    const script = join(folder, 'example.ts');
    await writeFile(script, source);
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: folder, timeout: 50_000 });
    expect(stdout).toContain('+U');
    expect(stdout).toContain("origin: 'LAS'");
    expect(stdout).toMatch(/│ 'LAS'\s+│ 33/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
