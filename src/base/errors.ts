/**
 * The failures of the world, as one class. The kind tells the caller what to do, the code is stable and meant for
 * programs, the message tells a person what was wrong, where, and what to do; `cause` keeps the origin.
 */
export type LakeErrorKind =
  /** Lost the swap too often: run the whole operation again. */
  | 'conflict'
  /** A newer owner exists, or the table is gone: stop. */
  | 'fenced'
  /** S3, Kinesis, disk or network: try again later. */
  | 'unavailable'
  /** The caller's request, data or settings: fix it and call again. */
  | 'invalid'
  /** Stored bytes are not what the format says: stop and look. */
  | 'corrupt'
  /** Valid Paimon that is not done here: the message names the feature. */
  | 'unsupported';

export type LakeErrorCode = `LAKE_${string}`;

export class LakeError extends Error {
  override readonly name = 'LakeError';
  readonly kind: LakeErrorKind;
  readonly code: LakeErrorCode;

  constructor(kind: LakeErrorKind, code: LakeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.code = code;
  }
}

/** The caller's fault. */
export function invalid(code: LakeErrorCode, message: string, options?: ErrorOptions): LakeError {
  return new LakeError('invalid', code, message, options);
}

/** Stored bytes that break the format. */
export function corrupt(code: LakeErrorCode, message: string, options?: ErrorOptions): LakeError {
  return new LakeError('corrupt', code, message, options);
}

/** A feature of the format that is refused; `feature` is its name, as in the option or type that asks for it. */
export function unsupported(feature: string, where: string): LakeError {
  return new LakeError('unsupported', 'LAKE_UNSUPPORTED', `${where}: ${feature} is not supported by Tidelake`);
}

export function isLakeError(error: unknown, code?: LakeErrorCode): error is LakeError {
  return error instanceof LakeError && (code === undefined || error.code === code);
}
