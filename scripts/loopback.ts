/** HTTP servers that only this machine reaches: begun, told where, and ended whatever still hangs on them. */
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** @param port 0: any that is free */
export function listenOnLoopback(server: Server, port = 0): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}

/** `127.0.0.1:PORT` of a server that listens. */
export function loopbackAddress(server: Server): string {
  const address = server.address() as AddressInfo;
  return `127.0.0.1:${address.port}`;
}

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

export async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
}
