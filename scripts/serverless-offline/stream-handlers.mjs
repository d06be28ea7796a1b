// Between serverless-offline-kinesis and the bundled functions: it leaves the time of arrival out of its events, and hands a batch
// over again only when the handler throws, since it knows nothing of partial answers.

export const ingest = event => handOver('ingest', event);
export const commit = event => handOver('commit', event);

const timeLeftMs = 60_000;

async function handOver(name, event) {
  const { handler } = await import(new URL(`../../dist/functions/${name}/index.mjs`, import.meta.url));
  const arrivedSeconds = Date.now() / 1_000;
  const records = event.Records.map(record => ({
    ...record,
    kinesis: { approximateArrivalTimestamp: arrivedSeconds, ...record.kinesis },
  }));
  const endsMs = Date.now() + timeLeftMs;
  const answer = await handler({ Records: records }, { getRemainingTimeInMillis: () => endsMs - Date.now() });
  // What was taken is known when it comes again.
  if (answer.batchItemFailures.length > 0) throw new Error(`${name} wants a part of the batch again`);
  return answer;
}
