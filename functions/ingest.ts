/** AWS Lambda: a batch of the log's stream. */
import { openAhead } from '../src/service/functions/function-parts.ts';
import { ingestRecords, ingestReport, openIngestFunction } from '../src/service/functions/ingest-function.ts';
import { type BatchAnswer, parseKinesisEvent } from '../src/service/functions/kinesis-event.ts';
import { openTelemetry } from '../src/service/functions/telemetry.ts';
import type { InvocationContext } from '../src/service/functions/time-limit.ts';

const opened = openAhead(openIngestFunction);
const telemetry = openTelemetry('ingest');

export function handler(event: unknown, context: InvocationContext): Promise<BatchAnswer> {
  return telemetry.observe(context, async invocation => {
    const batches = parseKinesisEvent(event);
    const { answer, figures } = await ingestRecords(await opened(), batches, invocation);
    invocation.report(ingestReport(figures));
    return answer;
  });
}
