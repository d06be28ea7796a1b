/** Where things are kept: the warehouse's bucket, the log, the commit log, and the queue of what failed for good. */
import {
  type CloudResources,
  type CloudValue,
  either,
  getAtt,
  join,
  noValue,
  ref,
  stackTags,
} from './cloudformation.ts';

/** A failed event is a note to look at; two weeks are the queue's most. */
const failedEventSecondsMax = 1_209_600;

const warehouseObjects: CloudValue = join('', [getAtt('WarehouseBucket', 'Arn'), '/*']);

export const storageResources: CloudResources = {
  ...bucketResources(),
  ...streamResources(),
  ...failedEventResources(),
};

function bucketResources(): CloudResources {
  return {
    WarehouseBucket: {
      comment:
        'Tables, their manifests and snapshots. Readers learn of a commit from here only. No versioning: files are never changed, and what maintenance removes must go.',
      Type: 'AWS::S3::Bucket',
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [
            {
              BucketKeyEnabled: either('KeyIsOwn', true, noValue),
              ServerSideEncryptionByDefault: {
                SSEAlgorithm: either('KeyIsOwn', 'aws:kms', 'AES256'),
                KMSMasterKeyID: either('KeyIsOwn', ref('KmsKeyArn'), noValue),
              },
            },
          ],
        },
        LifecycleConfiguration: {
          Rules: [
            {
              Id: 'abort-uploads',
              Status: 'Enabled',
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
            },
          ],
        },
        LoggingConfiguration: either(
          'AccessIsLogged',
          { DestinationBucketName: ref('AccessLogBucket'), LogFilePrefix: join('', [ref('AWS::StackName'), '/']) },
          noValue,
        ),
        NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        Tags: stackTags,
      },
    },
    WarehouseBucketPolicy: {
      Type: 'AWS::S3::BucketPolicy',
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        Bucket: ref('WarehouseBucket'),
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Sid: 'TlsOnly',
              Effect: 'Deny',
              Principal: '*',
              Action: 's3:*',
              Resource: [getAtt('WarehouseBucket', 'Arn'), warehouseObjects],
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            },
          ],
        },
      },
    },
  };
}

function streamResources(): CloudResources {
  const encryption = {
    EncryptionType: 'KMS',
    KeyId: either('KeyIsOwn', ref('KmsKeyArn'), 'alias/aws/kinesis'),
  };
  return {
    LogStream: {
      comment:
        'Every change, in order by bucket, until ingest has put it into a table and for as long as subscribers may want it.',
      Type: 'AWS::Kinesis::Stream',
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        RetentionPeriodHours: ref('LogRetentionHours'),
        ShardCount: either('LogIsProvisioned', ref('LogShards'), noValue),
        StreamEncryption: encryption,
        StreamModeDetails: { StreamMode: ref('LogMode') },
        Tags: stackTags,
      },
    },
    CommitStream: {
      comment:
        'Commit messages of ingest. They are small and one after the other, so one shard is enough; nothing here is worth keeping, since whoever sent a message still owes its rows until they are committed.',
      Type: 'AWS::Kinesis::Stream',
      Condition: 'CommitsAreGrouped',
      DeletionPolicy: 'Delete',
      UpdateReplacePolicy: 'Delete',
      Properties: { RetentionPeriodHours: 24, ShardCount: 1, StreamEncryption: encryption, Tags: stackTags },
    },
  };
}

function failedEventResources(): CloudResources {
  return {
    FailedEvents: {
      comment:
        'Events of compaction and maintenance that could not be worked off, each a hint that comes again; and notes of records that the log no longer had when ingest came for them. No rows.',
      Type: 'AWS::SQS::Queue',
      DeletionPolicy: 'Delete',
      UpdateReplacePolicy: 'Delete',
      Properties: { MessageRetentionPeriod: failedEventSecondsMax, SqsManagedSseEnabled: true, Tags: stackTags },
    },
    FailedEventsPolicy: {
      Type: 'AWS::SQS::QueuePolicy',
      Properties: {
        Queues: [ref('FailedEvents')],
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Sid: 'EventBridgeMaySend',
              Effect: 'Allow',
              Principal: { Service: 'events.amazonaws.com' },
              Action: 'sqs:SendMessage',
              Resource: getAtt('FailedEvents', 'Arn'),
              Condition: { StringEquals: { 'aws:SourceAccount': ref('AWS::AccountId') } },
            },
            {
              Sid: 'TlsOnly',
              Effect: 'Deny',
              Principal: '*',
              Action: 'sqs:*',
              Resource: getAtt('FailedEvents', 'Arn'),
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            },
          ],
        },
      },
    },
  };
}
