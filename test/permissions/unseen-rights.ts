/** Rights that no request to S3 or Kinesis shows, each with who needs it: AWS Lambda itself does, in the name of a function. */

export type UnseenRight = {
  /** Of labels: `IngestRole: kinesis:ListStreams on *`. */
  readonly matches: RegExp;
  readonly reason: string;
};

export const unseenRights: readonly UnseenRight[] = [
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
