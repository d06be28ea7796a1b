/**
 * Processes with canaries for credentials, made to fail in every way that there is: neither what they print nor any file that
 * they leave behind has a canary in it. The service they speak to says no and repeats all that it was sent.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const source = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const cli = source('src/cli/main.ts');
const secretKey = 'CANARYsecret/7f3a+key';
const token = 'CANARYtoken/91bc+==';
/** As they are, as in a URL, in base64 and in hex. */
const forms = [secretKey, token, 'CANARY'].flatMap(text => {
  const bytes = Buffer.from(text);
  return [
    text,
    encodeURIComponent(text),
    bytes.toString('base64').replace(/[=]+$/, '').slice(0, -1),
    bytes.toString('hex'),
  ];
});

type Outcome = { readonly status: number | null; readonly output: string };

let folder: string;
const servers: Server[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidelake-canary-'));
});

afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true, force: true });
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    answer(request, response);
  });
  servers.push(server);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  return `http://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`;
}

function refuse(status: number, code: string) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const isJson = request.headers['x-amz-target'] !== undefined;
    const sent = Object.entries(request.headers)
      .map(([name, value]) => `${name}:${value}`)
      .join('\n');
    response.writeHead(status, {
      'content-type': isJson ? 'application/x-amz-json-1.1' : 'application/xml',
      date: new Date().toUTCString(),
    });
    const echo = `<CanonicalRequest>${sent.replaceAll('<', '&lt;')}</CanonicalRequest>`;
    if (isJson) response.end(JSON.stringify({ __type: code, message: 'no', CanonicalRequest: sent }));
    else response.end(`<Error><Code>${code}</Code><Message>no</Message>${echo}</Error>`);
  };
}

/** A process that has the canaries in its environment. Asynchronous, since what it speaks to is served here. */
function run(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  input = '',
): Promise<Outcome> {
  const { PATH = '' } = process.env;
  const env = {
    PATH,
    HOME: folder,
    TMPDIR: join(folder, 'tmp'),
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'AKIATEST',
    AWS_SECRET_ACCESS_KEY: secretKey,
    AWS_SESSION_TOKEN: token,
    ...environment,
  };
  const child = spawn(process.execPath, args, { env, cwd: folder });
  child.stdin.on('error', () => {}).end(input);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => void (output += bytes.toString()));
  return new Promise((resolve, reject) => child.on('error', reject).on('close', status => resolve({ status, output })));
}

function expectClean(text: string, where: string): void {
  for (const form of forms) expect(text.includes(form), `${where}: ${text.slice(0, 2_000)}`).toBe(false);
}

async function expectFilesClean(): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    expectClean(path, 'the name of a file');
    if (entry.isFile() && !path.includes('ours')) expectClean(await readFile(path, 'latin1'), path);
  }
}

/** A table on this machine whose metadata is then broken. */
async function brokenWarehouse(): Promise<string> {
  const warehouse = join(folder, 'lake');
  const made = await run([cli, 'create', 'd.t', '--ddl', 'CREATE TABLE t (a INT)', '--warehouse', warehouse]);
  expect(made.status, made.output).toBe(0);
  await writeFile(join(warehouse, 'd.db/t/schema/schema-0'), '{"broken');
  return warehouse;
}

test('the command line: denied, unreachable, cut off, corrupt, interrupted by a bug', async () => {
  await mkdir(join(folder, 'tmp'), { recursive: true });
  const denied = await serve(refuse(403, 'SignatureDoesNotMatch'));
  const expired = await serve(refuse(400, 'ExpiredToken'));
  const garbled = await serve((_, response) => response.end('<not xml'));
  const cut = await serve((_, response) => void response.destroy());
  const warehouse = await brokenWarehouse();
  const s3 = ['--warehouse', 's3://bucket/lake'];
  const failing: readonly (readonly string[])[] = [
    ...[denied, expired, garbled, cut, 'http://127.0.0.1:1', 'http://name.invalid:80', 'nonsense'].map(endpoint => [
      'scan',
      'd.t',
      ...s3,
      '--endpoint',
      endpoint,
    ]),
    ['write', 'd.t', ...s3, '--endpoint', denied],
    ['sql', 'SELECT * FROM d.t', ...s3, '--endpoint', denied],
    ['create', 'd.t', '--ddl', 'CREATE TABLE t (a INT)', ...s3, '--endpoint', denied],
    ['scan', 'd.t', '--warehouse', warehouse],
    ['scan', 'd.t', '--warehouse', warehouse, '--log', 'kinesis://s', '--kinesis-endpoint', denied],
    ['ingest', '--warehouse', warehouse, '--log', 'kinesis://s', '--kinesis-endpoint', denied],
    ['ingest', '--warehouse', warehouse, '--log', 'kinesis://s', '--kinesis-endpoint', garbled],
    ['sql', "SELECT getenv('AWS_SECRET_ACCESS_KEY')", '--warehouse', warehouse],
    ['sql', "COPY (SELECT 1) TO 's3://b/x'", '--warehouse', warehouse],
    ['sql', 'SELECT * FROM d.t', '--warehouse', warehouse],
    ['nonsense', '--warehouse', warehouse],
    ['scan', 'd.t'],
  ];
  for (const args of failing) {
    const { status, output } = await run([cli, ...args]);
    expect(status, `${args.join(' ')}: ${output}`).toBeGreaterThan(0);
    expect(output, args.join(' ')).toMatch(/^error LAKE_/m);
    expectClean(output, args.join(' '));
  }
  // A bug while it waits for an answer that never comes: Node itself prints what was thrown.
  const silent = await serve(() => {});
  for (const bug of [
    'setTimeout(() => { throw new Error("bug") }, 1500)',
    'setTimeout(() => Promise.reject(new Error("bug")), 1500)',
  ]) {
    const preload = join(folder, 'ours-bug.mjs');
    await writeFile(preload, bug);
    const { status, output } = await run([
      '--import',
      pathToFileURL(preload).href,
      cli,
      'scan',
      'd.t',
      ...s3,
      '--endpoint',
      silent,
    ]);
    expect([status, /bug/.test(output)], output).toEqual([1, true]);
    expectClean(output, bug);
  }
  await expectFilesClean();
});

test('functions: what they log and what they answer', async () => {
  await mkdir(join(folder, 'tmp'), { recursive: true });
  const endpoints = [
    await serve(refuse(403, 'SignatureDoesNotMatch')),
    await serve(refuse(400, 'ExpiredToken')),
    'http://127.0.0.1:1',
  ];
  const events: Readonly<Record<string, unknown>> = {
    query: { requestContext: { http: { method: 'POST' } }, body: '{"sql":"SELECT * FROM d.t"}' },
    catalog: { requestContext: { http: { method: 'GET' } }, rawPath: '/v1/tables/d.t' },
    maintain: { time: '2024-01-01T03:05:00Z' },
    ingest: { Records: [] },
  };
  for (const [name, event] of Object.entries(events)) {
    for (const endpoint of endpoints) {
      const program = join(folder, 'ours-invoke.mjs');
      // As AWS's runtime does it: what a handler throws is printed with all its fields.
      await writeFile(
        program,
        `import { Writable } from 'node:stream';
         import { inspect } from 'node:util';
         globalThis.awslambda = {
           streamifyResponse: handler => async (event, context) => {
             let text = '';
             const stream = new Writable({ write: (chunk, _, done) => { text += chunk; done(); } });
             await handler(event, stream, context);
             return text;
           },
           HttpResponseStream: { from: stream => stream },
         };
         const { handler } = await import(${JSON.stringify(pathToFileURL(source(`functions/${name}.ts`)).href)});
         try { console.log(JSON.stringify(await handler(${JSON.stringify(event)}, { awsRequestId: 'r', getRemainingTimeInMillis: () => 20_000 }))); }
         catch (error) { console.error(inspect(error, { depth: 12, showHidden: true }), JSON.stringify(error)); }
         process.exit(0);`,
      );
      const { output } = await run([program], {
        TIDELAKE_WAREHOUSE: 's3://bucket/lake',
        TIDELAKE_LOG: 'kinesis://s',
        TIDELAKE_COMMIT_LOG: 'kinesis://c',
        AWS_ENDPOINT_URL: endpoint,
      });
      expect(output, name).toMatch(/LAKE_/);
      expectClean(output, `${name} ${endpoint}`);
    }
  }
  await expectFilesClean();
});
