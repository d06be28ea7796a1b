import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type KinesisService, startKinesisService } from './kinesis-service.ts';

const program = fileURLToPath(new URL('../../node_modules/kinesis-local/main.js', import.meta.url));
/** How long a stream stays in CREATING, UPDATING and DELETING. */
const change = '30ms';

/** kinesis-local (kinesis-mock): all calls, slower. It looks for its certificate in its working directory. */
export async function startKinesisLocal(): Promise<KinesisService> {
  return await startKinesisService({
    name: 'kinesis-local',
    readyMsMax: 60_000,
    command: port => ({
      file: process.execPath,
      parameters: [program],
      cwd: dirname(program),
      env: {
        KINESIS_MOCK_PLAIN_PORT: String(port),
        KINESIS_MOCK_TLS_PORT: '0',
        LOG_LEVEL: 'ERROR',
        SHARD_LIMIT: '1000',
        CREATE_STREAM_DURATION: change,
        DELETE_STREAM_DURATION: change,
        SPLIT_SHARD_DURATION: change,
        MERGE_SHARDS_DURATION: change,
      },
    }),
  });
}
