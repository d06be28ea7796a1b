// The Lambda of the local cloud under a function made for it: AWS's own runtime client asks a Runtime API of ours, and memory,
// time, starts and ends are as on AWS.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FunctionUrl } from '../../scripts/local-cloud/function-url.ts';
import { billedMs } from '../../scripts/local-cloud/invocation-report.ts';
import {
  type BufferedAnswer,
  LocalFunction,
  type LocalFunctionSpec,
} from '../../scripts/local-cloud/local-function.ts';
import { runtimeClient } from '../../scripts/local-cloud/runtime-client.ts';

let folder: string;

beforeAll(() => {
  runtimeClient();
  folder = mkdtempSync(join(tmpdir(), 'tidelake-function-'));
  cpSync(fileURLToPath(new URL('../services/sample-function.mjs', import.meta.url)), join(folder, 'index.mjs'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function started(changed: Partial<LocalFunctionSpec> = {}, lines: string[] = []): LocalFunction {
  return new LocalFunction({
    functionName: 'stack-sample',
    functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:stack-sample',
    memoryMb: 256,
    timeoutSeconds: 30,
    taskRoot: folder,
    handler: 'index.handler',
    runtime: 'nodejs24.x',
    node: process.execPath,
    env: { OWN: 'variable' },
    onLine: line => lines.push(line),
    ...changed,
  });
}

async function ask(asked: LocalFunction, event: unknown): Promise<Record<string, unknown>> {
  const answer = await asked.invokeBuffered(JSON.stringify(event));
  if (answer.kind === 'error') throw new Error(answer.error.errorMessage);
  return Object(JSON.parse(answer.payload));
}

/** What the function waits for, until it is opened. */
function gateOf(name: string): { readonly gate: string; open(): void } {
  const gate = join(folder, name);
  return { gate, open: () => writeFileSync(gate, '') };
}

/** `T`: stopped; of Linux. */
function stateOf(pid: unknown): string | undefined {
  return /^\d+ \(.*\) (\w)/.exec(readFileSync(`/proc/${Number(pid)}/stat`, 'utf8'))?.[1];
}

function failed(answer: BufferedAnswer): { errorType: string; errorMessage: string } {
  if (answer.kind !== 'error') throw new Error(`no error but ${answer.payload}`);
  return answer.error;
}

test('an environment starts once, keeps what it has, stands still between invocations, and says so in its log', async () => {
  const lines: string[] = [];
  await using sample = started({}, lines);
  const first = await ask(sample, {});
  await expect.poll(() => [sample.busyCount, stateOf(first['pid'])], { timeout: 20_000 }).toEqual([0, 'T']);
  const { gate, open } = gateOf('still');
  const running = ask(sample, { gate });
  await expect.poll(() => stateOf(first['pid']), { timeout: 20_000 }).toBe('S');
  expect(sample.busyCount).toBe(1);
  open();
  const second = await running;
  expect([first['count'], second['count'], sample.environmentCount]).toEqual([1, 2, 1]);
  expect(second['pid']).toBe(first['pid']);
  expect(Number(first['leftMs'])).toBeGreaterThan(20_000);
  expect(first['flags']).toEqual(expect.arrayContaining(['--max-old-space-size=231', '--max-semi-space-size=12']));
  expect(first['variables']).toMatchObject({
    OWN: 'variable',
    AWS_LAMBDA_FUNCTION_NAME: 'stack-sample',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    LAMBDA_TASK_ROOT: folder,
  });
  expect(first['variables']).not.toHaveProperty('HOME');
  await expect.poll(() => sample.reports.length).toBe(2);
  const [cold, warm] = sample.reports;
  expect(cold).toMatchObject({ status: 'success', memoryMb: 256, initMs: expect.any(Number) });
  expect(warm).toMatchObject({ status: 'success', initMs: undefined });
  expect(cold === undefined ? 0 : billedMs(cold)).toBeGreaterThanOrEqual(Math.floor(cold?.initMs ?? Number.NaN));
  expect(lines.filter(line => line.startsWith('INIT_START'))).toHaveLength(1);
  expect(
    lines.filter(line => /^REPORT RequestId: \S+\tDuration: .* ms\tBilled Duration: \d+ ms\tMemory/.test(line)),
  ).toHaveLength(2);
});

test('invocations at a time have an environment each, up to the limit, and wait for one then', async () => {
  const lines: string[] = [];
  await using sample = started({ concurrencyMax: 2 }, lines);
  const begun = (): number => lines.filter(line => line.startsWith('START ')).length;
  const [first, second] = [gateOf('first-two'), gateOf('second-two')];
  const answers = Promise.all([first, first, second, second].map(({ gate }) => ask(sample, { gate })));
  await expect.poll(begun, { timeout: 20_000 }).toBe(2);
  first.open();
  await expect.poll(begun, { timeout: 20_000 }).toBe(4);
  expect([sample.busyCount, sample.environmentCount]).toEqual([2, 2]);
  second.open();
  expect((await answers).map(({ count }) => count).toSorted()).toEqual([1, 1, 2, 2]);
  expect(sample.environmentCount).toBe(2);
});

test('what a function throws is its answer, and the environment lives on; when it exits or is killed it is replaced', async () => {
  await using sample = started();
  expect(failed(await sample.invokeBuffered('{"fail":"no such thing"}'))).toMatchObject({
    errorType: 'TypeError',
    errorMessage: 'no such thing',
  });
  expect(await ask(sample, {})).toMatchObject({ count: 2 });
  expect(failed(await sample.invokeBuffered('{"exit":3}'))).toMatchObject({
    errorType: 'Runtime.ExitError',
    errorMessage: expect.stringMatching(/^RequestId: \S+ Error: Runtime exited with error: exit status 3$/),
  });
  const killed = sample.invokeBuffered('{"sleepMs":20000}');
  await expect.poll(() => sample.killBusy()).toBe(1);
  expect(failed(await killed).errorMessage).toMatch(/Runtime exited with error: signal: killed$/);
  expect(await ask(sample, {})).toMatchObject({ count: 1 });
});

test('more time than the function has ends it, with the words of Lambda', async () => {
  const lines: string[] = [];
  await using sample = started({ timeoutSeconds: 1 }, lines);
  expect(failed(await sample.invokeBuffered('{"sleepMs":20000}'))).toMatchObject({
    errorType: 'Sandbox.Timedout',
    errorMessage: expect.stringMatching(/Task timed out after 1\.00 seconds$/),
  });
  expect(await ask(sample, {})).toMatchObject({ count: 1 });
  expect(sample.reports[0]).toMatchObject({ status: 'timeout' });
  expect(lines).toContainEqual(expect.stringMatching(/^REPORT .*\tStatus: timeout$/));
});

test('more memory than the function has ends it, also for a moment', async () => {
  const lines: string[] = [];
  await using sample = started({ memoryMb: 160 }, lines);
  expect(await ask(sample, { takeMb: 20 })).toMatchObject({ count: 1 });
  expect(failed(await sample.invokeBuffered('{"takeMb":300}'))).toMatchObject({
    errorType: 'Runtime.ExitError',
    errorMessage: expect.stringMatching(/signal: killed$/),
  });
  expect(await ask(sample, {})).toMatchObject({ count: 1 });
  expect(sample.reports[1]).toMatchObject({ status: 'out-of-memory' });
  expect(lines).toContainEqual(expect.stringMatching(/^REPORT .*Error Type: Runtime\.OutOfMemory$/));
});

test('a function that cannot be loaded says why', async () => {
  const lines: string[] = [];
  await using sample = started({ handler: 'index.nothing' }, lines);
  expect(failed(await sample.invokeBuffered('{}'))).toMatchObject({ errorType: 'Runtime.HandlerNotFound' });
  expect(lines.at(-1)).toMatch(/^INIT_REPORT .*Status: error\tError Type: Runtime\.HandlerNotFound$/);
  sample.deploy({ handler: 'index.handler' });
  expect(await ask(sample, {})).toMatchObject({ count: 1 });
});

test('a payload above 6 MB is refused in both directions', async () => {
  await using sample = started();
  expect(failed(await sample.invokeBuffered(JSON.stringify('x'.repeat(7_000_000))))).toMatchObject({
    errorType: 'RequestTooLargeException',
  });
  expect(failed(await sample.invokeBuffered('{"answerBytes":7000000}'))).toMatchObject({
    errorType: 'Function.ResponseSizeTooLarge',
  });
  expect(await ask(sample, {})).toMatchObject({ count: 2 });
});

test('after a deployment invocations meet the new code, and those that run end on the old', async () => {
  await using sample = started();
  await ask(sample, {});
  await expect.poll(() => sample.busyCount).toBe(0);
  const running = ask(sample, { sleepMs: 500 });
  sample.deploy({ env: { OWN: 'new' } });
  expect(await ask(sample, {})).toMatchObject({ count: 1, variables: { OWN: 'new' } });
  expect(await running).toMatchObject({ count: 2, variables: { OWN: 'variable' } });
  await expect.poll(() => sample.environmentCount).toBe(1);
});

test('a streamed answer comes piece by piece, and a failure in its middle is told after what came before', async () => {
  await using sample = started({ handler: 'index.streaming' });
  const { gate, open } = gateOf('streamed');
  let text = '';
  let textAtOpening = '';
  const sink = {
    begin: () => undefined,
    async write(piece: Uint8Array) {
      text += Buffer.from(piece).toString('utf8');
      if (textAtOpening !== '' || !text.includes('piece 1')) return;
      textAtOpening = text;
      open();
    },
  };
  expect(await sample.invoke(JSON.stringify({ queryStringParameters: { gate } }), sink)).toEqual({ kind: 'response' });
  expect(textAtOpening).toMatch(/\0{8}piece 1\n$/);
  expect(text).toMatch(/^\{"statusCode":201,.*\}\0{8}piece 1\npiece 2\npiece 3\n$/);
  text = '';
  expect(await sample.invoke('{"body":"fail"}', sink)).toMatchObject({
    kind: 'error',
    error: { errorMessage: 'in the middle' },
  });
  expect(text).toContain('piece 2');
});

test('the URL of a function streams its answer, and says by its end whether it was whole', async () => {
  await using sample = started({ handler: 'index.streaming' });
  await using url = await FunctionUrl.start(sample, 0);
  const { gate, open } = gateOf('by-url');
  const answer = await fetch(`${url.endpoint}/a/path?gate=${gate}`, { method: 'POST', body: '{}' });
  expect([answer.status, answer.headers.get('x-of'), answer.headers.get('set-cookie')]).toEqual([
    201,
    '/a/path',
    'a=b',
  ]);
  const pieces: string[] = [];
  for await (const piece of answer.body ?? []) {
    pieces.push(Buffer.from(piece).toString('utf8'));
    // Nothing more comes before this.
    open();
  }
  expect(pieces[0]).toBe('piece 1\n');
  expect(pieces.join('')).toBe('piece 1\npiece 2\npiece 3\n');
  const torn = await fetch(url.endpoint, { method: 'POST', body: 'fail' });
  expect(torn.status).toBe(201);
  await expect(torn.text()).rejects.toThrow();
});

test('the URL of a function that answers in one piece takes status, headers and body from it', async () => {
  const lines: string[] = [];
  await using sample = started({}, lines);
  await using url = await FunctionUrl.start(sample, 0);
  const plain = await fetch(url.endpoint);
  expect([plain.status, plain.headers.get('content-type')]).toEqual([200, 'application/json']);
  expect(await plain.json()).toMatchObject({ count: 1 });
  sample.deploy({ handler: 'index.echo' });
  const echo = await fetch(`${url.endpoint}/x?y=z`, { method: 'PUT', body: 'a text', headers: { cookie: 'c=d; e=f' } });
  expect([echo.status, echo.headers.get('x-method')]).toEqual([418, 'PUT']);
  expect(await echo.json()).toMatchObject({
    version: '2.0',
    rawPath: '/x',
    rawQueryString: 'y=z',
    queryStringParameters: { y: 'z' },
    cookies: ['c=d', 'e=f'],
    body: 'a text',
    isBase64Encoded: false,
  });
  const bytes = await fetch(url.endpoint, {
    method: 'POST',
    body: Uint8Array.of(0, 255),
    headers: {
      'content-type': 'application/octet-stream',
      authorization: 'AWS4-HMAC-SHA256 Credential=KEY/20260101/x',
    },
  });
  expect(await bytes.json()).toMatchObject({
    body: 'AP8=',
    isBase64Encoded: true,
    requestContext: { authorizer: { iam: { accessKey: 'KEY' } } },
  });
  sample.deploy({ handler: 'index.nothing' });
  expect((await fetch(url.endpoint)).status).toBe(502);
  sample.deploy({ handler: 'index.malformed' });
  expect((await fetch(url.endpoint)).status).toBe(502);
  expect(lines).toContainEqual(expect.stringMatching(/^the URL could not give an answer: .*Invalid status code: 1$/));
});
