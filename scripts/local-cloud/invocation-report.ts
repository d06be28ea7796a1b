/** What an invocation took, and the lines that AWS Lambda writes about it into the function's log. */
import type { FunctionError } from './function-error.ts';

export type ReportStatus = 'success' | 'error' | 'timeout' | 'out-of-memory';

export type InvocationReport = {
  readonly functionName: string;
  readonly requestId: string;
  readonly durationMs: number;
  /** Of a cold start. */
  readonly initMs: number | undefined;
  readonly memoryMb: number;
  /** The most that the environment has held since its start. */
  readonly memoryMbMax: number;
  readonly status: ReportStatus;
  readonly error: FunctionError | undefined;
};

/** Whole milliseconds, the start among them. */
export function billedMs({ durationMs, initMs = 0 }: InvocationReport): number {
  return Math.ceil(durationMs + initMs);
}

export function logLines(report: InvocationReport): readonly string[] {
  const { requestId, durationMs, initMs, memoryMb, memoryMbMax, status, error } = report;
  const figures = [
    `REPORT RequestId: ${requestId}`,
    `Duration: ${durationMs.toFixed(2)} ms`,
    `Billed Duration: ${billedMs(report)} ms`,
    `Memory Size: ${memoryMb} MB`,
    `Max Memory Used: ${memoryMbMax} MB`,
    ...(initMs === undefined ? [] : [`Init Duration: ${initMs.toFixed(2)} ms`]),
    ...(status === 'success' ? [] : [`Status: ${status === 'timeout' ? 'timeout' : 'error'}`]),
    ...(status === 'out-of-memory' ? ['Error Type: Runtime.OutOfMemory'] : []),
    ...(status === 'error' && error !== undefined ? [`Error Type: ${error.errorType}`] : []),
  ];
  const killed = status === 'timeout' || status === 'out-of-memory';
  return [
    ...(killed && error !== undefined ? [error.errorMessage] : []),
    `END RequestId: ${requestId}`,
    figures.join('\t'),
  ];
}
