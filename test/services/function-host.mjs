// Runs a bundled function in a plain Node as a container would: loads it once, then answers events one after the other.
// Commands and answers are lines of JSON; what the function prints goes to stderr.
//
//   node function-host.mjs BUNDLE
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const answer = process.stdout.write.bind(process.stdout);
console.log = console.error;

const startedMs = performance.now();
const { handler } = await import(pathToFileURL(process.argv[2]).href);
answer(`${JSON.stringify({ loadedMs: performance.now() - startedMs })}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const { event, remainingMs } = JSON.parse(line);
  const endsMs = performance.now() + remainingMs;
  const context = { getRemainingTimeInMillis: () => Math.max(0, endsMs - performance.now()) };
  try {
    answer(`${JSON.stringify({ result: (await handler(event, context)) ?? null })}\n`);
  } catch (error) {
    answer(`${JSON.stringify({ error: { name: error.name, code: error.code, message: error.message } })}\n`);
  }
}
process.exit(0);
