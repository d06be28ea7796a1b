import { fileURLToPath } from 'node:url';
import { type S3Service, startS3Service } from './s3-service.ts';

/** Starts s3rver, whose PUT is not conditional: the store that must be refused. */
export async function startS3rver(): Promise<S3Service> {
  const script = fileURLToPath(new URL('../bin/s3rver.js', import.meta.resolve('s3rver')));
  return await startS3Service({
    name: 's3rver',
    credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    command: (port, folder) => ({
      file: process.execPath,
      parameters: [
        script,
        '--directory',
        folder,
        '--address',
        '127.0.0.1',
        '--port',
        String(port),
        '--silent',
        '--allow-mismatched-signatures',
      ],
    }),
  });
}
