import { fileURLToPath } from 'node:url';
import { type KinesisService, startKinesisService } from './kinesis-service.ts';

const program = fileURLToPath(new URL('../../node_modules/kinesalite/cli.js', import.meta.url));
/** How long a stream stays in CREATING, UPDATING and DELETING. */
const changeMs = '30';

/** kinesalite: quick, in memory. No enhanced fan-out, no UpdateShardCount; AT_TIMESTAMP beyond the last record hangs. */
export async function startKinesalite(): Promise<KinesisService> {
  return await startKinesisService({
    name: 'kinesalite',
    readyMsMax: 30_000,
    command: port => ({
      file: process.execPath,
      parameters: [
        program,
        ...['--port', String(port), '--shardLimit', '1000'],
        ...['--createStreamMs', changeMs, '--updateStreamMs', changeMs, '--deleteStreamMs', changeMs],
      ],
    }),
  });
}
