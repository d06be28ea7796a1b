import { readSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { present } from '../../base/assert.ts';
import type { OpenedObject } from './local-files.ts';
import { SharedOpens } from './shared-opens.ts';

const folders: string[] = [];

async function fileOf(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-opens-'));
  folders.push(folder);
  const path = join(folder, 'f');
  await writeFile(path, text);
  return path;
}

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

function textOf({ fd, stat }: OpenedObject): string {
  const bytes = Buffer.alloc(Number(stat.size));
  readSync(fd, bytes, 0, bytes.length, 0);
  return bytes.toString();
}

test('who asks in the same turn has the same opening, which is there until the last of them is done', async () => {
  const path = await fileOf('first');
  const opens = new SharedOpens();
  const opened = await Promise.all([opens.open(path), opens.open(path), opens.open(path)]);
  const files = opened.map(file => present(file, 'the file'));
  expect(new Set(files.map(({ fd }) => fd)).size).toBe(1);
  const [first, second, third] = files;
  first?.[Symbol.dispose]();
  second?.[Symbol.dispose]();
  expect(textOf(present(third, 'the last'))).toBe('first');
  third?.[Symbol.dispose]();
  expect(() => textOf(present(third, 'the last'))).toThrow('EBADF');
});

test('who asks later has an opening of his own, and so sees what was put meanwhile', async () => {
  const path = await fileOf('first');
  const opens = new SharedOpens();
  const before = opens.open(path);
  await Promise.resolve();
  await Promise.resolve();
  // The one before may be open by now, or not yet.
  await writeFile(`${path}.new`, 'second');
  await rename(`${path}.new`, path);
  const after = present(await opens.open(path), 'the file');
  expect(textOf(after)).toBe('second');
  after[Symbol.dispose]();
  (await before)?.[Symbol.dispose]();
});

test('what is not there is not there for all who ask, and for none who asks when it is', async () => {
  const path = await fileOf('');
  const opens = new SharedOpens();
  const other = `${path}.other`;
  expect(await Promise.all([opens.open(other), opens.open(other)])).toEqual([undefined, undefined]);
  await writeFile(other, 'here');
  const file = present(await opens.open(other), 'the file');
  expect(textOf(file)).toBe('here');
  file[Symbol.dispose]();
});

test('an opening that fails fails for all who ask in its turn, and for nobody after them', async () => {
  const path = await fileOf('here');
  const opens = new SharedOpens();
  const tooLong = `${path}${'x'.repeat(300)}`;
  const answers = await Promise.allSettled([opens.open(tooLong), opens.open(path), opens.open(tooLong)]);
  const failed = { status: 'rejected', reason: expect.objectContaining({ code: 'ENAMETOOLONG' }) };
  expect([answers[0], answers[2]]).toEqual([failed, failed]);
  await rename(path, `${path}.old`);
  await expect(opens.open(path)).resolves.toBeUndefined();
  if (answers[1].status === 'fulfilled') present(answers[1].value, 'the file')[Symbol.dispose]();
});
