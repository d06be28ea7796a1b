import { expect, test } from 'vitest';
import { checkSettings, logAddress, logBeside, settingsWithEnvironment } from './settings.ts';

test('what is given goes before what the environment says', () => {
  const environment = {
    TIDELAKE_WAREHOUSE: 's3://env',
    TIDELAKE_LOG: 'kinesis://env',
    AWS_ENDPOINT_URL: 'http://all:1',
    AWS_ENDPOINT_URL_S3: 'http://s3:1',
    AWS_DEFAULT_REGION: 'eu-central-1',
  };
  const fromEnvironment = settingsWithEnvironment({}, environment);
  expect(fromEnvironment).toMatchObject({ warehouse: 's3://env', log: 'kinesis://env' });
  expect(fromEnvironment.s3).toMatchObject({ endpoint: 'http://s3:1', region: 'eu-central-1' });
  expect(fromEnvironment.kinesis?.endpoint).toBe('http://all:1');
  const given = settingsWithEnvironment(
    { warehouse: './lake', log: 'none', s3: { endpoint: 'http://mine' } },
    environment,
  );
  expect(given).toMatchObject({ warehouse: './lake', log: 'none', s3: { endpoint: 'http://mine' } });
  expect(logAddress(given)).toBeUndefined();
});

test('nobody saying where the warehouse is has a code of its own', () => {
  expect(() => settingsWithEnvironment({}, {})).toThrow(expect.objectContaining({ code: 'LAKE_NO_WAREHOUSE' }));
  expect(() => settingsWithEnvironment({}, { TIDELAKE_WAREHOUSE: '' })).toThrow('--warehouse');
});

test('every wrong setting is named with what it must be', () => {
  const wrong = (settings: object): unknown =>
    Reflect.apply(checkSettings, undefined, [{ warehouse: 'x', ...settings }]);
  const cases: readonly (readonly [object, string])[] = [
    [{ warehouse: '' }, 'warehouse: must not be empty'],
    [{ warehouse: 7 }, 'warehouse: '],
    [{ wharehouse: 'y' }, 'wharehouse'],
    [{ durability: 'maybe' }, 'durability: '],
    [{ s3: { endpoint: 'localhost:9000' } }, 's3.endpoint: must be an http:// or https:// URL'],
    [{ kinesis: { createWithShards: 0 } }, 'kinesis.createWithShards: '],
    [{ kinesis: { fanOut: { consumer: '' } } }, 'kinesis.fanOut.consumer: must not be empty'],
    [{ writer: { lingerMs: -1 } }, 'writer.lingerMs: must not be negative'],
    [{ s3: { secretAccessKey: 'k' } }, 's3: accessKeyId and secretAccessKey belong together'],
  ];
  for (const [settings, message] of cases) {
    expect(() => wrong(settings)).toThrow(
      expect.objectContaining({ code: 'LAKE_BAD_SETTINGS', message: expect.stringContaining(message) }),
    );
  }
});

test('the consumer of a stream comes from the environment where the settings name none', () => {
  const consumerOf = (kinesis: object, text: string) =>
    settingsWithEnvironment({ warehouse: 's3://b', kinesis }, { TIDELAKE_KINESIS_FAN_OUT_CONSUMER: text }).kinesis
      ?.fanOut?.consumer;
  expect(consumerOf({}, 'worker')).toBe('worker');
  expect(consumerOf({ fanOut: { consumer: 'own' } }, 'worker')).toBe('own');
  expect(consumerOf({}, '')).toBeUndefined();
});

test('the log beside a folder is a folder, and other warehouses have none', () => {
  expect(logBeside('./lake/')).toBe('./lake-log');
  expect(logBeside('file:/data/lake')).toBe('file:/data/lake-log');
  expect(logBeside('s3://bucket/lake')).toBeUndefined();
  expect(logBeside('memory:x')).toBeUndefined();
});

test('choices of the environment are checked as well', () => {
  const choice = (text: string) =>
    settingsWithEnvironment({ warehouse: 's3://b' }, { TIDELAKE_CONDITIONAL_PUT_PROBE: text }).s3?.conditionalPutProbe;
  expect([choice('never'), choice('')]).toEqual(['never', undefined]);
  expect(() => choice('sometimes')).toThrow(expect.objectContaining({ code: 'LAKE_BAD_SETTINGS' }));
});

test('who one is to Kafka comes from the environment, and is checked', () => {
  const kafka = (environment: Record<string, string>) =>
    settingsWithEnvironment({ warehouse: 's3://b' }, environment).kafka;
  const user = { TIDELAKE_KAFKA_USERNAME: 'u', TIDELAKE_KAFKA_PASSWORD: 'p' };
  expect(kafka({ ...user, TIDELAKE_KAFKA_TLS: 'true', TIDELAKE_KAFKA_MECHANISM: 'PLAIN' })).toMatchObject({
    username: 'u',
    password: 'p',
    tls: true,
    mechanism: 'PLAIN',
  });
  for (const wrong of [
    { TIDELAKE_KAFKA_USERNAME: 'u' },
    { ...user, TIDELAKE_KAFKA_TLS: 'yes' },
    { ...user, TIDELAKE_KAFKA_MECHANISM: 'GSSAPI' },
  ]) {
    expect(() => kafka(wrong)).toThrow(expect.objectContaining({ code: 'LAKE_BAD_SETTINGS' }));
  }
});
