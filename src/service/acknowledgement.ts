/**
 * A promise that knows whether anybody has looked at it. Writers hand one out for each batch of rows: a failure that
 * reached nobody must come out when the writer is closed, one that was heard need not come twice.
 */
export type Acknowledgement<T> = {
  /** For callers. Waiting for it in any way counts as looking. */
  readonly promise: Promise<T>;
  readonly wasSeen: () => boolean;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
};

export function acknowledgement<T>(): Acknowledgement<T> {
  const { promise: inner, resolve, reject } = Promise.withResolvers<T>();
  // The writer reports what nobody heard; the process need not be told of an unhandled rejection.
  inner.catch(() => undefined);
  let seen = false;
  // Whoever waits for it asks for one of its methods first.
  const promise = new Proxy(inner, {
    get(target, name) {
      seen = true;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { promise, wasSeen: () => seen, resolve, reject };
}

/** Waits for a promise until the signal aborts; what was begun goes on. @throws the signal's reason */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return signal === undefined ? promise : raceWith(promise, signal);
}

async function raceWith<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
