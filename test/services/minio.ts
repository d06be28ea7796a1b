import { findProgram, type ServicePlace } from './child-service.ts';
import { type S3Service, startS3Service } from './s3-service.ts';

export type MinioPlace = {
  /** Its data lies in a folder of its own in there. */
  readonly parentFolder?: string | undefined;
  /** A place of its own, which stays. */
  readonly place?: ServicePlace | undefined;
  readonly bucket?: string | undefined;
  /** More of its environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
};

/** Starts a real MinIO. */
export async function startMinio({ parentFolder, place, bucket, env }: MinioPlace = {}): Promise<S3Service> {
  const credentials = { accessKeyId: 'tidelake', secretAccessKey: 'tidelake-secret' };
  const file = findProgram('minio');
  return await startS3Service({
    name: 'minio',
    parentFolder,
    place,
    bucket,
    credentials,
    command: (port, folder) => ({
      file,
      parameters: ['server', '--quiet', '--address', `127.0.0.1:${port}`, folder],
      env: {
        MINIO_ROOT_USER: credentials.accessKeyId,
        MINIO_ROOT_PASSWORD: credentials.secretAccessKey,
        MINIO_BROWSER: 'off',
        MINIO_UPDATE: 'off',
        ...env,
      },
    }),
  });
}
