import { fileURLToPath } from 'node:url';
import type { ServicePlace } from './child-service.ts';
import { type KinesisService, startKinesisService } from './kinesis-service.ts';

const program = fileURLToPath(new URL('../../node_modules/kinesalite/cli.js', import.meta.url));
/** How long a stream stays in CREATING, UPDATING and DELETING. */
const changeMs = '30';

/** kinesalite: quick, in memory, or in a folder of its own that is kept. No enhanced fan-out, no UpdateShardCount; AT_TIMESTAMP beyond the last record hangs. */
export async function startKinesalite(place?: ServicePlace): Promise<KinesisService> {
  return await startKinesisService({
    name: 'kinesalite',
    readyMsMax: 30_000,
    place,
    command: (port, folder) => ({
      file: process.execPath,
      parameters: [
        program,
        ...['--port', String(port), '--shardLimit', '1000'],
        ...(place === undefined ? [] : ['--path', folder]),
        ...['--createStreamMs', changeMs, '--updateStreamMs', changeMs, '--deleteStreamMs', changeMs],
      ],
    }),
  });
}
