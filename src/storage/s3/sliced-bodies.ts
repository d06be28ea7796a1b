/**
 * Sends large bodies in slices. Given a body in one piece, Node encrypts all of it before it sends the first byte, into
 * memory of its own: 128 MB then take 260 MB more (measured with Node 24). In slices each waits until the one before is on
 * its way. Signature and checksum are of the whole body and have been made when it comes to this.
 */
import { Readable } from 'node:stream';
import type { NodeHttpHandler } from '@smithy/node-http-handler';

const sliceBytes = 256 * 1024;

type Handle = NodeHttpHandler['handle'];

/** The handler, with large bodies in slices. */
export function withSlicedBodies(handler: NodeHttpHandler): Pick<NodeHttpHandler, 'destroy' | 'handle' | 'metadata'> {
  const handle: Handle = (request, options) => {
    const { body }: { readonly body?: unknown } = request;
    const isLarge = body instanceof Uint8Array && body.byteLength > sliceBytes;
    if (isLarge) request.body = Readable.from(slicesOf(body), { objectMode: false, highWaterMark: sliceBytes });
    return handler.handle(request, options);
  };
  return { handle, metadata: handler.metadata, destroy: () => handler.destroy() };
}

function* slicesOf(body: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < body.byteLength; start += sliceBytes) yield body.subarray(start, start + sliceBytes);
}
