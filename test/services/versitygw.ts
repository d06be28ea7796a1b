import { findProgram } from './child-service.ts';
import { type S3Service, startS3Service } from './s3-service.ts';

/** Starts a real versitygw over a folder: a second S3, written by others in another manner. */
export async function startVersitygw(): Promise<S3Service> {
  const credentials = { accessKeyId: 'tidelake', secretAccessKey: 'tidelake-secret' };
  const file = findProgram('versitygw');
  return await startS3Service({
    name: 'versitygw',
    credentials,
    command: (port, folder) => ({
      file,
      parameters: ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', folder],
      env: { ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
    }),
  });
}
