// Runs a bundled function in a plain Node as a container would: loads it once, then answers events one after the other.
// Commands and answers are lines of JSON; what the function prints goes to stderr. A handler that streams gets a stream
// whose pieces are answers of their own; like the runtime of AWS Lambda it puts the status before them.
//
//   node function-host.mjs BUNDLE
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

const { stdout } = process;
const write = stdout.write.bind(stdout);
console.log = console.error;

async function answer(line) {
  if (!write(`${JSON.stringify(line)}\n`)) await once(stdout, 'drain');
}

const streams = Symbol.for('aws.lambda.runtime.handler.streaming');
const delimiter = new Uint8Array(8);

class ResponseStream extends Writable {
  prelude;

  async _write(chunk, _encoding, callback) {
    try {
      if (this.prelude !== undefined) {
        await answer({ chunk: Buffer.concat([Buffer.from(this.prelude), delimiter]).toString('base64') });
        this.prelude = undefined;
      }
      await answer({ chunk: Buffer.from(chunk).toString('base64') });
      callback();
    } catch (error) {
      callback(error);
    }
  }
}

globalThis.awslambda = {
  streamifyResponse: handler => Object.assign(handler, { [streams]: 'response' }),
  HttpResponseStream: {
    from: (stream, prelude) => Object.assign(stream, { prelude: JSON.stringify(prelude) }),
  },
};

const startedMs = performance.now();
const { handler } = await import(pathToFileURL(process.argv[2]).href);
await answer({ loadedMs: performance.now() - startedMs });

for await (const line of createInterface({ input: process.stdin })) {
  const { event, remainingMs } = JSON.parse(line);
  const endsMs = performance.now() + remainingMs;
  const context = {
    awsRequestId: crypto.randomUUID(),
    getRemainingTimeInMillis: () => Math.max(0, endsMs - performance.now()),
  };
  try {
    const result = handler[streams]
      ? await handler(event, new ResponseStream(), context)
      : await handler(event, context);
    await answer({ result: result ?? null });
  } catch (error) {
    await answer({ error: { name: error.name, code: error.code, message: error.message } });
  }
}
process.exit(0);
