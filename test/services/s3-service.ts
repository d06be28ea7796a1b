import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type ChildCommand, type ServicePlace, startChildService } from './child-service.ts';

/** A running S3 with one bucket in it. */
export type S3Service = AsyncDisposable & {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly bucket: string;
  /** SIGKILL. */
  crash(): Promise<void>;
  /** Starts it again, with what it had stored. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

export type S3ServiceSpec = {
  readonly name: string;
  readonly credentials: S3Service['credentials'];
  readonly command: (port: number, folder: string) => ChildCommand;
  /** Where it keeps its data; a folder in the system's temporary one when not given. */
  readonly parentFolder?: string | undefined;
  readonly place?: ServicePlace | undefined;
  /** Of the one bucket. */
  readonly bucket?: string | undefined;
};

const region = 'us-east-1';
const bucketDefault = 'tidelake-test';

export async function startS3Service(spec: S3ServiceSpec): Promise<S3Service> {
  const { name, credentials, command, parentFolder, place, bucket = bucketDefault } = spec;
  const service = await startChildService({
    name,
    command,
    parentFolder,
    place,
    readyMsMax: 60_000,
    ready: async port => await createBucket(bucket, endpointOf(port), credentials),
  });
  return {
    endpoint: endpointOf(service.port),
    region,
    credentials,
    bucket,
    crash: () => service.crash(),
    restart: () => service.restart(),
    stop: () => service.stop(),
    [Symbol.asyncDispose]: () => service.stop(),
  };
}

async function createBucket(bucket: string, endpoint: string, credentials: S3Service['credentials']): Promise<void> {
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
  try {
    const found = await client.send(new HeadBucketCommand({ Bucket: bucket })).then(
      () => true,
      () => false,
    );
    if (!found) await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } finally {
    client.destroy();
  }
}

function endpointOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}
