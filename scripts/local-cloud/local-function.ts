/**
 * A function as AWS Lambda runs it: as many execution environments as there are invocations at a time, kept while they are
 * used, replaced when the function is deployed anew.
 */
import { Environment, type EnvironmentSpec } from './environment.ts';
import { type FunctionError, tooLarge } from './function-error.ts';
import type { InvocationReport } from './invocation-report.ts';
import type { ResponseSink, RuntimeAnswer } from './runtime-api.ts';

export type LocalFunctionSpec = EnvironmentSpec & {
  /** Environments at a time; as many as are needed, up to what an account has, when not given. */
  readonly concurrencyMax?: number | undefined;
  readonly onReport?: ((report: InvocationReport) => void) | undefined;
};

export type BufferedAnswer =
  | { readonly kind: 'response'; readonly payload: string }
  | { readonly kind: 'error'; readonly error: FunctionError };

type Member = {
  readonly environment: Promise<Environment | FunctionError>;
  readonly version: number;
  isBusy: boolean;
  /** Set from its answer on, until it can take the next. */
  settled?: Promise<unknown> | undefined;
  reaper?: NodeJS.Timeout | undefined;
};

/** Of an account that nobody has asked for more. */
const accountConcurrencyMax = 1_000;
/** Of a request and an answer that are not streamed. */
const payloadBytesMax = 6 * 1024 * 1024;
/** An environment that nobody needs goes after this; Lambda says nothing firm, it takes some minutes there. */
const idleMsMax = 5 * 60_000;
/** An environment that has answered is waited for this long, before a new one is started instead. */
const settleMsMax = 50;
const reportsKeptMax = 10_000;

export class LocalFunction implements AsyncDisposable {
  #spec: LocalFunctionSpec;
  #version = 1;
  readonly #members = new Set<Member>();
  /** Who waits for an environment to become free. */
  readonly #waiting: (() => void)[] = [];
  #isClosed = false;
  /** The newest. */
  readonly reports: InvocationReport[] = [];

  constructor(spec: LocalFunctionSpec) {
    this.#spec = spec;
  }

  get spec(): LocalFunctionSpec {
    return this.#spec;
  }

  get busyCount(): number {
    return [...this.#members].filter(member => member.isBusy).length;
  }

  get environmentCount(): number {
    return this.#members.size;
  }

  /** Waits for an environment when all are busy and there may be no more. */
  async invoke(payload: string, sink: ResponseSink): Promise<RuntimeAnswer> {
    if (Buffer.byteLength(payload) > payloadBytesMax) return refusal('too-large');
    for (;;) {
      if (this.#isClosed) return refusal('closed');
      const member = this.#freeMember();
      if (member !== undefined) return this.#invokeIn(member, payload, sink);
      const settling = [...this.#members].flatMap(({ settled }) => settled ?? []);
      if (settling.length > 0) await Promise.race(settling);
      else await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
  }

  /** The same, with the answer in one piece. */
  async invokeBuffered(payload: string): Promise<BufferedAnswer> {
    const pieces: Uint8Array[] = [];
    let byteCount = 0;
    const answer = await this.invoke(payload, {
      begin: () => undefined,
      async write(piece) {
        byteCount += piece.byteLength;
        if (byteCount <= payloadBytesMax) pieces.push(piece);
      },
    });
    if (answer.kind === 'error') return answer;
    if (byteCount > payloadBytesMax) return { kind: 'error', error: tooLarge(payloadBytesMax) };
    return { kind: 'response', payload: Buffer.concat(pieces).toString('utf8') };
  }

  /** From now on invocations meet the new one; those that run end on the old one. */
  deploy(changed: Partial<LocalFunctionSpec>): void {
    this.#spec = { ...this.#spec, ...changed };
    this.#version += 1;
    for (const member of this.#members) if (!member.isBusy) void this.#retire(member);
  }

  /** Kills the environments that are at work, in the middle of it; how many there were. */
  async killBusy(): Promise<number> {
    const busy = [...this.#members].filter(member => member.isBusy);
    const killed = await Promise.all(
      busy.map(async ({ environment }) => {
        const started = await environment;
        if (!(started instanceof Environment) || !started.isAlive) return false;
        await started.kill();
        return true;
      }),
    );
    return killed.filter(was => was).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const wake of this.#waiting.splice(0)) wake();
    await Promise.all([...this.#members].map(member => this.#retire(member)));
  }

  /** The one that was used last, or a new one; undefined when it has to be waited for. */
  #freeMember(): Member | undefined {
    const current = [...this.#members].filter(({ version }) => version === this.#version);
    const idle = current.filter(({ isBusy }) => !isBusy).at(-1);
    if (idle !== undefined) return idle;
    const isFull = this.#members.size >= (this.#spec.concurrencyMax ?? accountConcurrencyMax);
    if (isFull || current.some(({ settled }) => settled !== undefined)) return undefined;
    const member: Member = { environment: Environment.start(this.#spec), version: this.#version, isBusy: false };
    this.#members.add(member);
    return member;
  }

  async #invokeIn(member: Member, payload: string, sink: ResponseSink): Promise<RuntimeAnswer> {
    member.isBusy = true;
    clearTimeout(member.reaper);
    const environment = await member.environment;
    if (!(environment instanceof Environment)) {
      this.#members.delete(member);
      this.#wake();
      return { kind: 'error', error: environment };
    }
    const { answered, settled } = environment.invoke(payload, sink);
    void answered.then(() => {
      const waited = new Promise(resolve => setTimeout(resolve, settleMsMax));
      const soon = Promise.race([settled, waited]).then(() => {
        member.settled = undefined;
      });
      member.settled = soon;
    });
    void settled.then(report => {
      this.#spec.onReport?.(report);
      this.reports.push(report);
      if (this.reports.length > reportsKeptMax) this.reports.shift();
      member.isBusy = false;
      member.settled = undefined;
      if (!environment.isAlive || member.version !== this.#version || this.#isClosed) void this.#retire(member);
      else member.reaper = setTimeout(() => void this.#retire(member), idleMsMax).unref();
      this.#wake();
    });
    return answered;
  }

  #wake(): void {
    this.#waiting.shift()?.();
  }

  async #retire(member: Member): Promise<void> {
    this.#members.delete(member);
    clearTimeout(member.reaper);
    const environment = await member.environment;
    if (environment instanceof Environment) await environment[Symbol.asyncDispose]();
  }
}

function refusal(why: 'closed' | 'too-large'): RuntimeAnswer {
  const error =
    why === 'closed'
      ? { errorType: 'ServiceException', errorMessage: 'the local cloud is being stopped' }
      : { errorType: 'RequestTooLargeException', errorMessage: `the payload has more than ${payloadBytesMax} bytes` };
  return { kind: 'error', error };
}
