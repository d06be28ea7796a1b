/**
 * What checkov and cdk-nag find in the template, and why it stays. A finding that is not here fails the tests, and so does an
 * answer to what is no longer found.
 */
export type Answer = {
  readonly rules: readonly string[];
  /** Logical ids, or patterns of them. */
  readonly resources: RegExp;
  readonly why: string;
};

export const checkovAnswers: readonly Answer[] = [
  {
    rules: ['CKV_AWS_19'],
    resources: /^WarehouseBucket$/,
    why: 'The bucket is encrypted with either choice of KmsKeyArn; checkov does not look into Fn::If.',
  },
  {
    rules: ['CKV_AWS_21'],
    resources: /^WarehouseBucket$/,
    why: 'No object is ever changed, and what maintenance removes must go: old versions would be paid for and never read.',
  },
  {
    rules: ['CKV_AWS_27'],
    resources: /^FailedEvents$/,
    why: "The queue is encrypted by SQS's own key. It holds names of tables and positions, no rows.",
  },
  {
    rules: ['CKV_AWS_116'],
    resources: /LambdaFunction$/,
    why: 'Functions that are called without waiting have a destination for failed events, which says more than a dead letter queue. The others are called by streams or answer requests.',
  },
  {
    rules: ['CKV_AWS_117'],
    resources: /LambdaFunction$/,
    why: "They talk to S3, Kinesis and CloudWatch only, through TLS and with rights of their own. A network of one's own would add gateways to pay for, and nothing to reach in it.",
  },
  {
    rules: ['CKV_AWS_173'],
    resources: /LambdaFunction$/,
    why: 'The environment holds names of streams and of the bucket, no secrets; Lambda encrypts it with its own key.',
  },
];

export const cdkNagAnswers: readonly Answer[] = [
  {
    rules: ['AwsSolutions-S1'],
    resources: /^WarehouseBucket$/,
    why: 'An access log wants another bucket, which is for whoever deploys to name: AccessLogBucket.',
  },
  {
    rules: ['AwsSolutions-SQS3'],
    resources: /^FailedEvents$/,
    why: 'It is itself where failed events go; nobody takes messages from it but people.',
  },
  {
    rules: ['AwsSolutions-IAM5'],
    resources: /^(?:Ingest|Commit|Compact|Maintain|Query|Catalog)Role$|^(?:ReadLake|ProduceToLake|PollCommits)$/,
    why: 'Rights are on all objects of the bucket, since tables come and go; on all streams of a log group; and ListStreams is to be had for no single stream. That each right is needed, and no other, is tested in test/integration/permissions.test.ts.',
  },
  {
    rules: ['AwsSolutions-L1'],
    resources: /LambdaFunction$/,
    why: 'nodejs22.x is supported, and the bundles are made for it; nodejs24.x is a choice.',
  },
];
