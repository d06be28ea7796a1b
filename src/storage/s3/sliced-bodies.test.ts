import { Readable } from 'node:stream';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect, test } from 'vitest';
import { withSlicedBodies } from './sliced-bodies.ts';

type Request = Parameters<NodeHttpHandler['handle']>[0];

/** What the handler inside is given to send. */
async function bodySent(body: unknown): Promise<unknown> {
  const inner = new NodeHttpHandler();
  let sent: unknown;
  inner.handle = async request => {
    sent = request.body;
    return { response: Object.create(null) };
  };
  const request: Request = Object.assign(Object.create(null), { body });
  await withSlicedBodies(inner).handle(request);
  return sent;
}

test('a large body goes out in slices, all of it and in order', async () => {
  const body = Uint8Array.from({ length: 3_000_001 }, (_, index) => (index * 7) % 253);
  const sent = await bodySent(body);
  if (!(sent instanceof Readable)) throw new Error('the body is not a stream');
  const slices: Uint8Array[] = [];
  for await (const slice of sent) slices.push(slice);
  expect(slices.length).toBeGreaterThan(10);
  expect(Buffer.compare(Buffer.concat(slices), body)).toBe(0);
});

test.each([
  ['small bytes', Uint8Array.of(1, 2, 3)],
  ['a text', 'x'.repeat(1_000_000)],
  ['nothing', undefined],
])('%s go out as they are', async (_, body) => {
  expect(await bodySent(body)).toBe(body);
});
