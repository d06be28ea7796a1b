/** AWS Lambda: a batch of the log's stream. */
import { openOnce } from '../src/service/functions/function-parts.ts';
import { ingestRecords, openIngestFunction } from '../src/service/functions/ingest-function.ts';
import { type BatchAnswer, parseKinesisEvent } from '../src/service/functions/kinesis-event.ts';
import type { InvocationContext } from '../src/service/functions/time-limit.ts';

const opened = openOnce(openIngestFunction);

export async function handler(event: unknown, context: InvocationContext): Promise<BatchAnswer> {
  const batches = parseKinesisEvent(event);
  const { answer, figures } = await ingestRecords(await opened(), batches, context);
  console.log(JSON.stringify({ function: 'ingest', ...figures }));
  return answer;
}
