/** Makes the demo's bucket where the S3 given to it has none yet. */
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3Settings } from '../../src/service/settings.ts';

export async function ensureBucket(bucket: string, settings: S3Settings): Promise<void> {
  const { endpoint, region, accessKeyId, secretAccessKey } = settings;
  const client = new S3Client({
    region: region ?? 'us-east-1',
    forcePathStyle: true,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey } }),
  });
  try {
    await client.send(new HeadBucketCommand({ Bucket: bucket }));
  } catch (error) {
    const isMissing = error instanceof Error && error.name === 'NotFound';
    // Anything else is told, with what to do, when the lake is opened.
    if (isMissing) await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } finally {
    client.destroy();
  }
}
