/**
 * What a turn tells: how long each pass of its work took, and its answers. A turn is a process of its own that gets its job as
 * one argument of JSON, prints one line of JSON, and stays until its standard input ends, so that whoever started it can
 * look at its memory. Those in Java and Python say the same (peers/).
 */

export type Pass = {
  readonly wallMs: number;
  /** Of the process, all threads. */
  readonly cpuMs: number;
  /** Since 1970, when the pass was over. */
  readonly endMs: number;
  /** Of the process since it began, when the pass was over. */
  readonly cpuSinceStartMs: number;
  readonly rowCount?: number | undefined;
  /** See `CheckSum`. */
  readonly sum?: bigint | undefined;
};

export type Answer = Pick<Pass, 'rowCount' | 'sum'>;

/** Figures besides, each named with its unit. */
export type TurnFigures = Readonly<Record<string, number>>;

export type TurnReport = { readonly passes: readonly Pass[]; readonly figures?: TurnFigures };

/** Times a pass. What it does to get ready is done before, by its caller. */
export async function timed(work: () => Promise<Answer | undefined> | Answer): Promise<Pass> {
  const cpuBefore = cpuMs();
  const startMs = performance.now();
  const answer = await work();
  const wallMs = performance.now() - startMs;
  const cpuSinceStartMs = cpuMs();
  const endMs = performance.timeOrigin + performance.now();
  return { wallMs, cpuMs: cpuSinceStartMs - cpuBefore, endMs, cpuSinceStartMs, ...answer };
}

export async function tell(report: TurnReport): Promise<void> {
  console.log(JSON.stringify(report, (_, value) => (typeof value === 'bigint' ? String(value) : value)));
  process.stdin.resume();
  await new Promise(resolve => process.stdin.once('end', resolve));
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
