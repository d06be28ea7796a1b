/** Settings of an S3 store. What is left out is found the way AWS programs find it, or has the default named here. */
export type S3StoreSettings = {
  readonly bucket: string;
  /** Base URL of an S3 other than AWS's. */
  readonly endpoint?: string | undefined;
  /** `us-east-1` when there is an endpoint. */
  readonly region?: string | undefined;
  /** Otherwise the AWS chain: environment, profile, container, instance. */
  readonly credentials?: S3Credentials | undefined;
  /** Bucket in the path instead of the host name; by default when there is an endpoint. */
  readonly forcePathStyle?: boolean | undefined;
  /** Requests at a time. */
  readonly requestsMax?: number | undefined;
  readonly connectTimeoutMs?: number | undefined;
  /** Until the answer begins, and silence within it; uploads get time on top for their size. */
  readonly requestTimeoutMs?: number | undefined;
  /** Tries of an idempotent request. */
  readonly attemptsMax?: number | undefined;
  readonly retryDelayMsMin?: number | undefined;
  readonly retryDelayMsMax?: number | undefined;
};

export type S3Credentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
};

/** The figures among the settings, with their defaults. */
export type S3Limits = {
  readonly requestsMax: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly attemptsMax: number;
  readonly retryDelayMsMin: number;
  readonly retryDelayMsMax: number;
};

export function s3LimitsOf(settings: S3StoreSettings): S3Limits {
  return {
    requestsMax: settings.requestsMax ?? 64,
    connectTimeoutMs: settings.connectTimeoutMs ?? 3_000,
    requestTimeoutMs: settings.requestTimeoutMs ?? 15_000,
    attemptsMax: settings.attemptsMax ?? 6,
    retryDelayMsMin: settings.retryDelayMsMin ?? 50,
    retryDelayMsMax: settings.retryDelayMsMax ?? 3_000,
  };
}

/** Slowest upload that is waited for, bytes a millisecond. */
export const uploadBytesPerMsMin = 500;
