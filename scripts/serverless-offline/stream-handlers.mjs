// Between serverless-offline-kinesis and the bundled ingest: the plugin leaves the time of arrival out of its events, and hands a batch
// over again only when the handler throws, since it knows nothing of partial answers.

const timeLeftMs = 60_000;
const bundle = new URL('../../dist/functions/ingest/index.mjs', import.meta.url);

export async function ingest(event) {
  const { handler } = await import(bundle);
  const arrivedSeconds = Date.now() / 1_000;
  const records = event.Records.map(record => ({
    ...record,
    kinesis: { approximateArrivalTimestamp: arrivedSeconds, ...record.kinesis },
  }));
  const endsMs = Date.now() + timeLeftMs;
  const answer = await handler({ Records: records }, { getRemainingTimeInMillis: () => endsMs - Date.now() });
  // What was taken is known when it comes again.
  if (answer.batchItemFailures.length > 0) throw new Error('ingest wants a part of the batch again');
  return answer;
}
