/** What functions tell: lines of the log, metrics in the embedded format, and segments that a daemon would get. */
import { createSocket, Socket } from 'node:dgram';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isTraceSampled, telemetrySettings } from '../settings.ts';
import { openTelemetry, type Report, type Telemetry } from './telemetry.ts';

type Line = Readonly<Record<string, unknown>>;

const context = {
  getRemainingTimeInMillis: () => 60_000,
  awsRequestId: 'request-1',
  functionName: 'tidelake-dev-ingest',
  memoryLimitInMB: '512',
};
const settings = { serviceName: 'tidelake-dev', namespace: 'Tidelake' };
const report: Report = {
  fields: { rowsIn: 5, tables: [{ table: 'db.t' }] },
  metrics: { RowsIn: 5, DeadLetters: 0, FreshnessMs: undefined, CommitConflicts: 2 },
  hasTrouble: false,
};

let lines: string[];
let telemetry: Telemetry;

beforeEach(() => {
  lines = [];
  const written = (text: unknown): boolean => {
    lines.push(...String(text).split('\n'));
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(written);
  vi.spyOn(process.stderr, 'write').mockImplementation(written);
  telemetry = openTelemetry('ingest', settings);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** The lines that were written, of the log and of metrics. */
function told(): { readonly logs: readonly Line[]; readonly metrics: readonly Line[] } {
  const all: readonly Line[] = lines.filter(line => line.startsWith('{')).map(line => JSON.parse(line));
  return { logs: all.filter(line => '_aws' in line === false), metrics: all.filter(line => '_aws' in line) };
}

test('an invocation is a line with its figures, its request and how long its phases took', async () => {
  vi.stubEnv('AWS_LAMBDA_INITIALIZATION_TYPE', 'on-demand');
  telemetry = openTelemetry('ingest', settings);
  const answer = await telemetry.observe(context, async ({ spans, report: tell }) => {
    await spans.run('write', {}, async () => spans.run('head', {}, async () => undefined));
    tell(report);
    return 'answer';
  });
  expect(answer).toBe('answer');
  expect(told().logs).toEqual([
    expect.objectContaining({
      level: 'INFO',
      message: 'ingest',
      service: 'tidelake-dev',
      function: 'ingest',
      cold_start: true,
      function_request_id: 'request-1',
      rowsIn: 5,
      tables: [{ table: 'db.t' }],
      elapsedMs: expect.any(Number),
      phasesMs: { head: expect.any(Number), write: expect.any(Number), ingest: expect.any(Number) },
    }),
  ]);
});

test('metrics are told by deployment and function, what is 0 is not, and the first invocation is a cold start', async () => {
  const invoke = (): Promise<void> => telemetry.observe(context, async ({ report: tell }) => tell(report));
  await invoke();
  await invoke();
  const { metrics } = told();
  expect(metrics).toHaveLength(2);
  const [cold, warm] = metrics;
  const named = { service: 'tidelake-dev', function: 'ingest', RowsIn: 5, CommitConflicts: 2 };
  expect(cold).toMatchObject({ ...named, ColdStart: 1 });
  expect(warm).toMatchObject(named);
  expect(Object.keys(warm ?? {}).toSorted()).toEqual(['CommitConflicts', 'RowsIn', '_aws', 'function', 'service']);
  expect(cold?.['_aws']).toMatchObject({
    CloudWatchMetrics: [{ Namespace: 'Tidelake', Dimensions: [['service', 'function']] }],
  });
});

test('trouble is a warning', async () => {
  await telemetry.observe(context, async ({ report: tell }) => tell({ ...report, hasTrouble: true }));
  expect(told().logs).toMatchObject([{ level: 'WARN' }]);
});

test('a failure is in the log with its code, and thrown', async () => {
  const failure = Object.assign(new Error('no such bucket'), { code: 'LAKE_STORE_NOT_FOUND' });
  await expect(telemetry.observe(context, () => Promise.reject(failure))).rejects.toBe(failure);
  expect(told().logs).toMatchObject([
    { level: 'ERROR', message: 'ingest failed', error: { message: 'no such bucket', code: 'LAKE_STORE_NOT_FOUND' } },
  ]);
});

test('a deployment names itself in the environment, and an invocation is traced when AWS says so', () => {
  expect(telemetrySettings({})).toEqual({ serviceName: 'tidelake', namespace: 'Tidelake' });
  expect(telemetrySettings({ POWERTOOLS_SERVICE_NAME: 'x', POWERTOOLS_METRICS_NAMESPACE: 'Y' })).toEqual({
    serviceName: 'x',
    namespace: 'Y',
  });
  const root = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8';
  expect(isTraceSampled({ _X_AMZN_TRACE_ID: `${root};Sampled=1` })).toBe(true);
  expect(isTraceSampled({ _X_AMZN_TRACE_ID: `${root};Sampled=1;Lineage=a:0` })).toBe(true);
  expect(isTraceSampled({ _X_AMZN_TRACE_ID: `${root};Sampled=0` })).toBe(false);
  expect(isTraceSampled({})).toBe(false);
});

/** As AWS Lambda has it for an invocation that is traced; the daemon is asked at this port. */
function tracedTo(port: number): void {
  vi.stubEnv('AWS_XRAY_DAEMON_ADDRESS', `127.0.0.1:${port}`);
  vi.stubEnv('AWS_EXECUTION_ENV', 'AWS_Lambda_nodejs24.x');
  vi.stubEnv('LAMBDA_TASK_ROOT', '/var/task');
  vi.stubEnv('_X_AMZN_TRACE_ID', 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1');
}

test('phases of a traced invocation are segments with the table, the shard and the snapshot', async () => {
  const daemon = createSocket('udp4');
  const packets: string[] = [];
  daemon.on('message', bytes => packets.push(bytes.toString('utf8')));
  await new Promise<void>(resolve => daemon.bind(0, '127.0.0.1', resolve));
  try {
    tracedTo(daemon.address().port);
    const failing = telemetry.observe(context, ({ spans }) =>
      spans.run('commit', { table: 'db.t', shard: 'shard-1' }, async note => {
        await spans.run('write', {}, async () => undefined);
        note({ snapshot: 7 });
        throw new Error('late');
      }),
    );
    await expect(failing).rejects.toThrow('late');
    const all = (): string => packets.join('\n');
    await vi.waitFor(() => expect(all()).toContain('"name":"ingest"'), { timeout: 5_000 });
    expect(all()).toContain('"trace_id":"1-5759e988-bd862e3fe1be46a994272793"');
    expect(all()).toContain('"parent_id":"53995c3f42cd8ad8"');
    expect(all()).toContain('"name":"write"');
    const annotated = '{"Service":"tidelake-dev","table":"db.t","shard":"shard-1","snapshot":7}';
    expect(all()).toContain(`"annotations":${annotated}`);
    expect(all()).toContain('late');
  } finally {
    daemon.close();
  }
});

test('a trace that nobody takes hurts nothing', async () => {
  tracedTo(9);
  const sent = vi.spyOn(Socket.prototype, 'send');
  expect(await telemetry.observe(context, ({ spans }) => spans.run('head', {}, async () => 5))).toBe(5);
  expect(sent.mock.calls.map(String).join('\n')).toContain('"name":"head"');
});
