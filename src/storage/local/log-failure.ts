/** What the codes of the file system mean for a log. */
import { isLakeError } from '../../base/errors.ts';
import { logDenied, logFull, logNotFound, logUnavailable } from '../log-errors.ts';
import { codeOf } from './local-files.ts';

/** A failure of the file system in the words of the port; what is not of the file system comes back as it is. */
export function localLogFailure(where: string, error: unknown): unknown {
  const code = codeOf(error);
  if (isLakeError(error) || code === undefined) return error;
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return logFull(where, error);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'EBADF':
      return logDenied(where, error);
    case 'ENOENT':
    case 'ENOTDIR':
      return logNotFound(where, 'the log, or a file of it, is not there', error);
    default:
      return /^E[A-Z0-9]+$/.test(code) || code === 'ERR_SQLITE_ERROR' ? logUnavailable(where, error) : error;
  }
}
