/** The template of the deployment as the local cloud understands it. */
import { expect, test } from 'vitest';
import { functionDefinitions } from '../../infra/definitions/functions.ts';
import { warehouseTemplate } from '../../infra/definitions/template.ts';
import { localStack } from './local-stack.ts';

const template = warehouseTemplate();
const settings = {
  stage: 'local',
  region: 'us-east-1',
  parameters: { CodeBucket: 'any', LogShards: '3', GroupCommit: 'ON' },
};

test('the stack has every function with what the template gives it, and what calls it', () => {
  const stack = localStack(template, settings);
  expect(
    stack.functions.map(({ name, memoryMb, timeoutSeconds, hasUrl }) => [name, memoryMb, timeoutSeconds, hasUrl]),
  ).toEqual(
    functionDefinitions.map(({ name, memoryMb, timeoutSeconds, hasUrl }) => [name, memoryMb, timeoutSeconds, hasUrl]),
  );
  const [log, commits] = stack.streams;
  expect([log?.shardCount, commits?.shardCount]).toEqual([3, 1]);
  const [ingest, commit] = stack.functions;
  expect(ingest?.env).toMatchObject({
    TIDELAKE_WAREHOUSE: `s3://${stack.buckets[0]}`,
    TIDELAKE_LOG: `kinesis://${log?.name}`,
    TIDELAKE_COMMIT_LOG: `kinesis://${commits?.name}`,
    POWERTOOLS_SERVICE_NAME: 'tidelake-local',
  });
  expect(stack.mappings).toMatchObject([
    { functionArn: ingest?.arn, streamArn: log?.arn, retriesMax: -1, bisects: true, reportsPart: true },
    { functionArn: commit?.arn, streamArn: commits?.arn, retriesMax: 2, recordAgeSecondsMax: 900 },
  ]);
  const compact = stack.functions.find(({ name }) => name === 'compact');
  expect(compact?.asynchronous).toEqual({
    retriesMax: 2,
    eventAgeSecondsMax: 3_600,
    failureQueueArn: stack.queues.find(({ name }) => name.endsWith('FailedEvents'))?.arn,
  });
  const called = stack.rules.filter(({ targetArns }) => targetArns.includes(compact?.arn ?? ''));
  expect(called.map(({ everyMs }) => everyMs)).toEqual(expect.arrayContaining([undefined, 3_600_000]));
});

test('a parameter reserves concurrency, and without it there is none', () => {
  const reserved = localStack(template, {
    ...settings,
    parameters: { ...settings.parameters, CompactConcurrency: '2' },
  });
  expect(reserved.functions.map(({ concurrencyMax }) => concurrencyMax).filter(max => max !== undefined)).toEqual([2]);
});

test('what the local cloud does not do is named', () => {
  const [id = ''] =
    Object.entries(template.Resources).find(([, { Type }]) => Type === 'AWS::Lambda::EventSourceMapping') ?? [];
  const mapping = template.Resources[id];
  const changed = {
    ...template,
    Resources: {
      ...template.Resources,
      [id]: { ...mapping, Properties: { ...mapping?.Properties, ParallelizationFactor: 4 } },
    },
  };
  expect(() => localStack(changed, settings)).toThrow(new RegExp(`does not do what ${id} asks for`));
});
