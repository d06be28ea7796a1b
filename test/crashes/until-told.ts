/** How a process of the crash tests is told to end: SIGTERM, or the end of whoever started it, which closes its input. */
export function untilTold(): AbortSignal {
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  process.stdin.once('end', () => stop.abort());
  process.stdin.resume();
  return stop.signal;
}

/** One line for whoever started this process. */
export function tell(line: ProcessLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

export type ProcessLine =
  | { readonly kind: 'ready' }
  | { readonly kind: 'commit'; readonly rows: number }
  | { readonly kind: 'compacted' }
  /** A store that was away: expected while MinIO is dead. */
  | { readonly kind: 'unavailable'; readonly text: string }
  | { readonly kind: 'read'; readonly rows: number }
  /** The n-th row of a key, to a subscriber. */
  | { readonly kind: 'given'; readonly k: number; readonly n: number }
  /** What must never be. */
  | { readonly kind: 'fault'; readonly text: string };
