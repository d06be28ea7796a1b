/** A service of this machine as if it were far away: a way to it on which everything that is sent takes so long. */
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

export type FarService = AsyncDisposable & { readonly endpoint: string };

/** @param endpoint of the service, `http://127.0.0.1:9000` */
export async function farService(endpoint: string, delayMs: number): Promise<FarService> {
  const { port } = new URL(endpoint);
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, near => {
    const far = createConnection({ host: '127.0.0.1', port: Number(port), noDelay: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.once('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
      socket.on('error', () => undefined);
    }
    // Timers of one length fire in the order they were set: bytes stay in theirs.
    near.on('data', bytes => void setTimeout(() => far.write(bytes), delayMs));
    far.on('data', bytes => void near.write(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a server that listens has a port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
