/** Which rights requests to S3 and Kinesis need. */
import { expect, test } from 'vitest';
import { KinesisNeeds, streamArn } from './kinesis-actions.ts';
import { s3Needs } from './s3-actions.ts';

test.each([
  ['GET', '/lake/a/b', {}, ['s3:GetObject lake/a/b'], true],
  ['HEAD', '/lake/a/b', {}, ['s3:GetObject lake/a/b'], true],
  ['GET', '/lake/a%20b/%C3%BC?x-id=GetObject', {}, ['s3:GetObject lake/a b/ü'], true],
  ['GET', '/lake/a?versionId=1', {}, ['s3:GetObjectVersion lake/a'], false],
  ['PUT', '/lake/a', {}, ['s3:PutObject lake/a'], false],
  ['PUT', '/lake/a', { 'if-none-match': '*' }, ['s3:PutObject lake/a'], false],
  ['PUT', '/lake/a', { 'if-match': '"e"' }, ['s3:PutObject lake/a', 's3:GetObject lake/a'], true],
  ['PUT', '/lake/a', { 'x-amz-tagging': 'k=v' }, ['s3:PutObject lake/a', 's3:PutObjectTagging lake/a'], false],
  ['PUT', '/lake/a', { 'x-amz-acl': 'private' }, ['s3:PutObject lake/a', 's3:PutObjectAcl lake/a'], false],
  ['PUT', '/lake/a', { 'x-amz-copy-source': '/other/b' }, ['s3:PutObject lake/a', 's3:GetObject other/b'], false],
  ['POST', '/lake/a?uploads', {}, ['s3:PutObject lake/a'], false],
  ['PUT', '/lake/a?partNumber=1&uploadId=u', {}, ['s3:PutObject lake/a'], false],
  ['POST', '/lake/a?uploadId=u', {}, ['s3:PutObject lake/a'], false],
  ['DELETE', '/lake/a?uploadId=u', {}, ['s3:AbortMultipartUpload lake/a'], false],
  ['DELETE', '/lake/a', {}, ['s3:DeleteObject lake/a'], false],
  ['HEAD', '/lake', {}, ['s3:ListBucket lake'], false],
  ['HEAD', '/lake/', {}, ['s3:ListBucket lake'], false],
  ['GET', '/lake?location', {}, ['s3:GetBucketLocation lake'], false],
  ['GET', '/lake?list-type=2&prefix=a%2F&max-keys=1', {}, ['s3:ListBucket lake'], false],
])('S3: %s %s with %j needs %j', (method, url, headers, rights, isToldAbsent) => {
  const needs = s3Needs({ method, url, headers });
  expect(needs.rights.map(({ action, resource }) => `${action} ${resource.replace('arn:aws:s3:::', '')}`)).toEqual(
    rights,
  );
  expect(needs.absence?.action).toBe(isToldAbsent ? 's3:ListBucket' : undefined);
});

test('a list says its prefix, and the look for a missing object says none', () => {
  const listed = s3Needs({ method: 'GET', url: '/lake?list-type=2&prefix=a%2F&max-keys=1', headers: {} });
  expect(listed.rights[0]?.context).toEqual({ 's3:prefix': 'a/', 's3:max-keys': '1' });
  expect(s3Needs({ method: 'GET', url: '/lake?list-type=2', headers: {} }).rights[0]?.context).toEqual({});
  expect(s3Needs({ method: 'GET', url: '/lake/a', headers: {} }).absence?.context).toEqual({});
});

test.each([
  ['GET', '/'],
  ['PUT', '/lake'],
  ['GET', '/lake?policy'],
  ['POST', '/lake?delete'],
  ['PUT', '/lake/a?tagging'],
  ['PATCH', '/lake/a'],
])('S3: %s %s is not known, and not let through for that', (method, url) => {
  expect(() => s3Needs({ method, url, headers: {} })).toThrow(/nobody knows/);
});

test('Kinesis: what is about a stream names it, itself or by what the stream has given', () => {
  const needs = new KinesisNeeds();
  const call = (operation: string, body: unknown): string => {
    const { action, resource } = needs.of(`Kinesis_20131202.${operation}`, body);
    return `${action} ${resource}`;
  };
  expect(call('PutRecords', { StreamName: 'log' })).toBe(`kinesis:PutRecords ${streamArn('log')}`);
  expect(call('DescribeStreamSummary', { StreamARN: streamArn('x') })).toBe(
    `kinesis:DescribeStreamSummary ${streamArn('x')}`,
  );
  expect(call('ListStreams', {})).toBe('kinesis:ListStreams *');
  needs.learn(needs.of('Kinesis_20131202.GetShardIterator', { StreamName: 'log' }), { ShardIterator: 'i1' });
  expect(call('GetRecords', { ShardIterator: 'i1' })).toBe(`kinesis:GetRecords ${streamArn('log')}`);
  const read = needs.of('Kinesis_20131202.GetRecords', { ShardIterator: 'i1' });
  needs.learn(read, { NextShardIterator: 'i2', Records: [] });
  expect(call('GetRecords', { ShardIterator: 'i2' })).toBe(`kinesis:GetRecords ${streamArn('log')}`);
  needs.learn(needs.of('Kinesis_20131202.ListShards', { StreamName: 'log' }), { NextToken: 't' });
  expect(call('ListShards', { NextToken: 't' })).toBe(`kinesis:ListShards ${streamArn('log')}`);
  expect(() => call('GetRecords', { ShardIterator: 'of nobody' })).toThrow(/no stream/);
  expect(() => call('DeleteStream', { StreamName: 'log' })).toThrow(/nobody knows/);
});
