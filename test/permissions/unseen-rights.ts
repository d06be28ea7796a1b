/** What the test of rights knows of some of them: those that no request to S3 or Kinesis shows, since AWS Lambda itself needs them in a
 * function's name, and those whose lack is not told. */

export type KnownRight = {
  /** Of labels: `IngestRole: kinesis:ListStreams on *`. */
  readonly matches: RegExp;
  readonly reason: string;
};

export const unseenRights: readonly KnownRight[] = [
  {
    matches: /^\w+Role: logs:(CreateLogStream|PutLogEvents) on arn:/,
    reason: 'what a function prints goes to its log group',
  },
  {
    matches: /^(Ingest|Compact|Maintain)Role: sqs:SendMessage on arn:/,
    reason: 'Lambda notes events that failed for good in the queue, and with ingest what the log no longer had',
  },
  {
    matches: /^IngestRole: kinesis:DescribeStream on LogStream$/,
    reason: 'Lambda polls the log with the role of the function that it feeds',
  },
  {
    matches:
      /^CommitRole: kinesis:(DescribeStream|DescribeStreamSummary|GetRecords|GetShardIterator|ListShards) on CommitStream$/,
    reason:
      'Lambda polls the commit log with the role of the function that it feeds; the function itself reads nothing of it',
  },
  {
    matches: /^(Ingest|Commit)Role: kinesis:ListStreams on \*$/,
    reason: 'Lambda asks for it when it is told to poll a stream',
  },
  {
    matches: /^\w+Role: xray:(PutTelemetryRecords|PutTraceSegments) on \*$/,
    reason: 'traces, when they are sent',
  },
];

/** Without these, functions go on and say nothing: what was denied is seen here alone. */
export const quietRights: readonly KnownRight[] = [
  {
    matches: /^\w+Role: s3:PutObject on WarehouseBucket\/\*tidelake\/cost\/\*$/,
    reason: 'figures of what was used are no reason to fail',
  },
  {
    matches: /^QueryRole: kms:GenerateDataKey on arn:/,
    reason: 'queries encrypt nothing else',
  },
];
