// A function that does what a test tells it: as a handler of AWS Lambda, and as one that streams its answer.
import { existsSync } from 'node:fs';

let count = 0;
const kept = [];
// Something to do at any moment at which it is let.
setInterval(() => undefined, 5);

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

/** Until the test makes this file. */
async function waitFor(gate) {
  while (gate !== undefined && !existsSync(gate)) await sleep(5);
}

export const handler = async (event, context) => {
  count += 1;
  await waitFor(event.gate);
  if (event.sleepMs) await sleep(event.sleepMs);
  for (let mb = 0; mb < (event.takeMb ?? 0); mb += 1) {
    kept.push(Buffer.alloc(1024 * 1024, 1));
    await sleep(1);
  }
  if (event.exit) process.exit(event.exit);
  if (event.fail) throw new TypeError(event.fail);
  if (event.answerBytes) return 'x'.repeat(event.answerBytes);
  const variables = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(AWS|LAMBDA|OWN|HOME)/.test(name)),
  );
  return { count, pid: process.pid, leftMs: context.getRemainingTimeInMillis(), flags: process.execArgv, variables };
};

export const streaming = globalThis.awslambda?.streamifyResponse(async (event, stream) => {
  const out = awslambda.HttpResponseStream.from(stream, {
    statusCode: 201,
    headers: { 'content-type': 'text/plain', 'x-of': event.rawPath ?? '' },
    cookies: ['a=b'],
  });
  for (let piece = 1; piece <= 3; piece += 1) {
    out.write(`piece ${piece}\n`);
    await waitFor(event.queryStringParameters?.gate);
    if (event.body === 'fail' && piece === 2) throw new Error('in the middle');
  }
  out.end();
});

/** Answers with what is no status of HTTP. */
export const malformed = async () => ({ statusCode: 1 });

/** Answers an HTTP request with the event that it became. */
export const echo = async event => ({
  statusCode: 418,
  headers: { 'x-method': event.requestContext.http.method },
  body: JSON.stringify(event),
});
