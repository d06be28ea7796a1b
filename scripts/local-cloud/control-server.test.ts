import { expect, test } from 'vitest';
import { ControlServer } from './control-server.ts';
import { LocalFunction } from './local-function.ts';

function sampleFunction(): LocalFunction {
  return new LocalFunction({
    functionName: 'stack-sample',
    functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:stack-sample',
    memoryMb: 256,
    timeoutSeconds: 30,
    taskRoot: '.',
    handler: 'index.handler',
    runtime: 'nodejs24.x',
    node: process.execPath,
    env: {},
    onLine: () => undefined,
  });
}

test('a payload that is no JSON is refused before anything is called, whether or not the answer is waited for', async () => {
  const called: string[] = [];
  await using sample = sampleFunction();
  await using server = new ControlServer({
    functions: new Map([['sample', sample]]),
    call: (_, payload) => called.push(payload),
    onObject: () => undefined,
  });
  await server.listen(0);
  const invoke = (type: string, body: string): Promise<Response> =>
    fetch(`${server.endpoint}/2015-03-31/functions/sample/invocations`, {
      method: 'POST',
      headers: { 'x-amz-invocation-type': type },
      body,
    });
  for (const type of ['Event', 'RequestResponse']) {
    const refused = await invoke(type, '{"orphans":');
    expect([refused.status, refused.headers.get('x-amzn-errortype')], type).toEqual([
      400,
      'InvalidRequestContentException',
    ]);
    expect(await refused.json(), type).toEqual({
      Type: 'User',
      message: expect.stringMatching(/^Could not parse request body into json: SyntaxError: /),
    });
  }
  expect([called, sample.environmentCount]).toEqual([[], 0]);
  expect((await invoke('Event', '')).status).toBe(202);
  expect((await invoke('Event', '[1]')).status).toBe(202);
  expect(called).toEqual(['{}', '[1]']);
});
