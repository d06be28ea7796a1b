/**
 * An execution environment of AWS Lambda: one process that is started once (cold), does one invocation at a time, is frozen
 * between them, and is killed when it takes more memory or more time than its function has.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { exited, type FunctionError, timedOut } from './function-error.ts';
import { type InvocationReport, logLines, type ReportStatus } from './invocation-report.ts';
import { type ResponseSink, type RuntimeAnswer, RuntimeApi } from './runtime-api.ts';
import { type Exit, SandboxProcess } from './sandbox-process.ts';

export type EnvironmentSpec = {
  /** As on AWS: `STACK-NAME`. */
  readonly functionName: string;
  readonly functionArn: string;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  /** The folder of the function's package. */
  readonly taskRoot: string;
  /** `FILE.EXPORT`, in that folder. */
  readonly handler: string;
  /** `nodejs24.x` */
  readonly runtime: string;
  /** Program of the Node to run it with. */
  readonly node: string;
  readonly env: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
};

export type Running = {
  /** The caller's answer. */
  readonly answered: Promise<RuntimeAnswer>;
  /** When the environment can take the next, or has ended. */
  readonly settled: Promise<InvocationReport>;
};

/** Lambda ends a start that takes longer, and starts again on the invocation's own time. */
const initMsMax = 10_000;
const memoryPollMs = 20;
const bytesPerMb = 1024 * 1024;

export class Environment implements AsyncDisposable {
  readonly #spec: EnvironmentSpec;
  readonly #api: RuntimeApi;
  readonly #process: SandboxProcess;
  /** Why the process was killed by us. */
  #cause: { readonly status: ReportStatus; readonly error: FunctionError } | undefined;
  /** Of the first invocation's report. */
  #initMs: number | undefined;

  constructor(spec: EnvironmentSpec, api: RuntimeApi) {
    this.#spec = spec;
    this.#api = api;
    const env = { ...spec.env, ...lambdaVariables(spec), AWS_LAMBDA_RUNTIME_API: api.address };
    this.#process = new SandboxProcess({ ...spec, env });
  }

  /** A cold start. @returns what went wrong, when it did */
  static async start(spec: EnvironmentSpec): Promise<Environment | FunctionError> {
    spec.onLine(`INIT_START Runtime Version: ${spec.runtime}\tRuntime: local`);
    const first = await Environment.#startWithin(spec, initMsMax);
    if (first !== 'late') return told(spec, first);
    spec.onLine(`INIT_REPORT Init Duration: ${initMsMax}.00 ms\tPhase: init\tStatus: timeout`);
    const again = await Environment.#startWithin(spec, spec.timeoutSeconds * 1_000);
    return told(spec, again === 'late' ? timedOut(randomUUID(), spec.timeoutSeconds) : again);
  }

  static async #startWithin(spec: EnvironmentSpec, msMax: number): Promise<Environment | FunctionError | 'late'> {
    const startedMs = performance.now();
    const environment = new Environment(spec, await RuntimeApi.start());
    const watch = environment.#watchMemory(randomUUID());
    const timer = Promise.withResolvers<'late'>();
    const timeout = setTimeout(() => timer.resolve('late'), msMax);
    const outcome = await Promise.race([
      environment.#api.asked().then(() => 'ready' as const),
      environment.#api.initError,
      environment.#process.ended.then(exit => environment.#endOf(randomUUID(), exit)),
      timer.promise,
    ]);
    clearTimeout(timeout);
    watch.stop();
    if (outcome === 'ready') {
      environment.#initMs = performance.now() - startedMs;
      environment.#process.freeze();
      return environment;
    }
    await environment[Symbol.asyncDispose]();
    return outcome;
  }

  /** Not ended, and not about to be. */
  get isAlive(): boolean {
    return this.#process.isAlive && this.#cause === undefined;
  }

  /** @param payload JSON */
  invoke(payload: string, sink: ResponseSink, requestId: string = randomUUID()): Running {
    const { timeoutSeconds, functionArn } = this.#spec;
    const startedMs = performance.now();
    const invocation = {
      requestId,
      payload,
      functionArn,
      deadlineMs: Date.now() + timeoutSeconds * 1_000,
      traceId: `Root=1-${randomBytes(4).toString('hex')}-${randomBytes(12).toString('hex')};Sampled=0`,
    };
    const watch = this.#watchMemory(requestId);
    const timeout = setTimeout(() => {
      this.#killFor('timeout', timedOut(requestId, timeoutSeconds));
    }, timeoutSeconds * 1_000);
    this.#spec.onLine(`START RequestId: ${requestId} Version: $LATEST`);
    this.#process.thaw();
    const ended = this.#process.ended.then(
      (exit): RuntimeAnswer => ({ kind: 'error', error: this.#endOf(requestId, exit) }),
    );
    const answered = Promise.race([this.#api.hand(invocation, sink), ended]);
    const settled = answered.then(async answer => {
      await Promise.race([this.#api.asked(), ended]);
      clearTimeout(timeout);
      watch.stop();
      if (this.isAlive) this.#process.freeze();
      return this.#report(requestId, answer, performance.now() - startedMs);
    });
    return { answered, settled };
  }

  /** Ends it wherever it is, as a failing host would. */
  async kill(): Promise<void> {
    await this.#process.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.kill();
    await this.#api[Symbol.asyncDispose]();
  }

  #report(requestId: string, answer: RuntimeAnswer, durationMs: number): InvocationReport {
    const report: InvocationReport = {
      functionName: this.#spec.functionName,
      requestId,
      durationMs,
      initMs: this.#initMs,
      memoryMb: this.#spec.memoryMb,
      memoryMbMax: Math.ceil(this.#process.memoryBytesMax() / bytesPerMb),
      status: this.#cause?.status ?? (answer.kind === 'error' ? 'error' : 'success'),
      error: answer.kind === 'error' ? answer.error : undefined,
    };
    this.#initMs = undefined;
    for (const line of logLines(report)) this.#spec.onLine(line);
    return report;
  }

  #endOf(requestId: string, exit: Exit): FunctionError {
    return this.#cause?.error ?? exited(requestId, exit);
  }

  /** Kills it when it takes too much; also what it took for a moment between two looks is seen. */
  #watchMemory(requestId: string): { stop(): void } {
    const look = (): void => {
      if (this.#process.memoryBytesMax() <= this.#spec.memoryMb * bytesPerMb) return;
      this.#killFor('out-of-memory', exited(requestId, { code: null, signal: 'SIGKILL' }));
    };
    const timer = setInterval(look, memoryPollMs);
    return {
      stop: () => {
        clearInterval(timer);
        look();
      },
    };
  }

  #killFor(status: ReportStatus, error: FunctionError): void {
    if (!this.isAlive) return;
    this.#cause = { status, error };
    void this.#process.kill();
  }
}

/** A start that failed says why in the function's log. */
function told({ onLine }: EnvironmentSpec, started: Environment | FunctionError): Environment | FunctionError {
  if (started instanceof Environment) return started;
  onLine(started.errorMessage);
  onLine(`INIT_REPORT Phase: init\tStatus: error\tError Type: ${started.errorType}`);
  return started;
}

/** What Lambda itself says to a function. */
function lambdaVariables({ functionName, memoryMb, handler, runtime, taskRoot }: EnvironmentSpec) {
  return {
    _HANDLER: handler,
    LAMBDA_TASK_ROOT: taskRoot,
    LANG: 'en_US.UTF-8',
    PATH: '/usr/local/bin:/usr/bin:/bin',
    TZ: ':UTC',
    AWS_EXECUTION_ENV: `AWS_Lambda_${runtime}`,
    AWS_LAMBDA_FUNCTION_NAME: functionName,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `local/[$LATEST]${randomUUID().replaceAll('-', '')}`,
    AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR',
    AWS_XRAY_DAEMON_ADDRESS: '127.0.0.1:2000',
  };
}
