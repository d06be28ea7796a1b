import { expect, test } from 'vitest';
import { savedCases } from './cases.ts';
import { outcomeOf } from './target.ts';
import { targetNamed } from './targets.ts';

test.each(savedCases())('$name gives what it must', async ({ target, input, expect: expected }) => {
  const outcome = await outcomeOf(targetNamed(target), Uint8Array.from(Buffer.from(input, 'base64')));
  const given = outcome.kind === 'refused' ? outcome.code : outcome.kind === 'value' ? 'value' : outcome.what;
  expect(given).toBe(expected);
});
