// What is made from the definitions is what stands in the repository.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { generatedFiles } from './main.ts';

test('the template and the parts of serverless.yml are what `npm run infra` writes', () => {
  const files = Object.entries(generatedFiles());
  expect(files.length).toBe(5);
  for (const [path, text] of files) {
    const written = readFileSync(join(fileURLToPath(new URL('.', import.meta.url)), path), 'utf8');
    expect(written === text, `infra/${path} is not current: run \`npm run infra\``).toBe(true);
  }
});
