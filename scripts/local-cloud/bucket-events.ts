/** What MinIO says of new objects, by its webhook, and how it is told to. */
import { PutBucketNotificationConfigurationCommand, type S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod';

const target = 'local';
const notifyAttemptsMax = 100;
const notifyPauseMs = 100;

/** For MinIO's environment. What cannot be said at once is kept and said later. */
export function notificationVariables(url: string, queueFolder: string): Readonly<Record<string, string>> {
  const name = target.toUpperCase();
  return {
    [`MINIO_NOTIFY_WEBHOOK_ENABLE_${name}`]: 'on',
    [`MINIO_NOTIFY_WEBHOOK_ENDPOINT_${name}`]: url,
    [`MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_${name}`]: queueFolder,
  };
}

/** From now on every new object of the bucket is told. MinIO answers before it knows of whom it may tell, so it is asked again. */
export async function notifyOfObjects(client: S3Client, bucket: string): Promise<void> {
  const queue = { QueueArn: `arn:minio:sqs::${target.toUpperCase()}:webhook`, Events: ['s3:ObjectCreated:*' as const] };
  const command = new PutBucketNotificationConfigurationCommand({
    Bucket: bucket,
    NotificationConfiguration: { QueueConfigurations: [queue] },
  });
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.send(command);
      return;
    } catch (error) {
      if (attempt === notifyAttemptsMax) throw error;
      await new Promise(resolve => setTimeout(resolve, notifyPauseMs));
    }
  }
}

export type CreatedObject = { readonly bucket: string; readonly key: string; readonly size: number };

const noticeSchema = z.object({
  Records: z.array(
    z.object({
      eventName: z.string(),
      s3: z.object({
        bucket: z.object({ name: z.string() }),
        object: z.object({ key: z.string(), size: z.number().default(0) }),
      }),
    }),
  ),
});

/** @param body JSON, empty when MinIO only asks whether somebody is there */
export function parseBucketNotice(body: string): readonly CreatedObject[] {
  if (body === '') return [];
  const { Records } = noticeSchema.parse(JSON.parse(body));
  return Records.filter(({ eventName }) => eventName.startsWith('s3:ObjectCreated:')).map(({ s3 }) => ({
    bucket: s3.bucket.name,
    // As in a query: a space is a plus sign.
    key: decodeURIComponent(s3.object.key.replaceAll('+', ' ')),
    size: s3.object.size,
  }));
}
