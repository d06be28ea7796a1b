/** AWS Lambda: a batch of the commit stream. */
import { applyCommits, commitReport, openCommitFunction } from '../src/service/functions/commit-function.ts';
import { openAhead } from '../src/service/functions/function-parts.ts';
import { type BatchAnswer, parseKinesisEvent } from '../src/service/functions/kinesis-event.ts';
import { openTelemetry } from '../src/service/functions/telemetry.ts';
import type { InvocationContext } from '../src/service/functions/time-limit.ts';

const opened = openAhead(openCommitFunction);
const telemetry = openTelemetry('commit');

export function handler(event: unknown, context: InvocationContext): Promise<BatchAnswer> {
  return telemetry.observe(context, async invocation => {
    const batches = parseKinesisEvent(event);
    const { answer, figures } = await applyCommits(await opened(), batches, invocation);
    invocation.report(commitReport(figures));
    return answer;
  });
}
