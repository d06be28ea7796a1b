/** AWS Lambda: a batch of the commit stream. */
import { applyCommits, openCommitFunction } from '../src/service/functions/commit-function.ts';
import { openOnce } from '../src/service/functions/function-parts.ts';
import { type BatchAnswer, parseKinesisEvent } from '../src/service/functions/kinesis-event.ts';
import type { InvocationContext } from '../src/service/functions/time-limit.ts';

const opened = openOnce(openCommitFunction);

export async function handler(event: unknown, context: InvocationContext): Promise<BatchAnswer> {
  const batches = parseKinesisEvent(event);
  const { answer, figures } = await applyCommits(await opened(), batches, context);
  console.log(JSON.stringify({ function: 'commit', ...figures }));
  return answer;
}
