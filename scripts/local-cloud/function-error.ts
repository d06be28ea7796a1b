/** What went wrong in a function, in the words that AWS Lambda has for it. */

export type FunctionError = {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
};

/** How a process came to its end, in the Go words that Lambda's own supervisor uses. */
const signalWords: Readonly<Record<string, string>> = {
  SIGKILL: 'signal: killed',
  SIGABRT: 'signal: aborted',
  SIGSEGV: 'signal: segmentation fault',
  SIGTERM: 'signal: terminated',
};

export function timedOut(requestId: string, timeoutSeconds: number): FunctionError {
  return {
    errorType: 'Sandbox.Timedout',
    errorMessage: `RequestId: ${requestId} Error: Task timed out after ${timeoutSeconds.toFixed(2)} seconds`,
  };
}

export function exited(requestId: string, exit: { code: number | null; signal: string | null }): FunctionError {
  const how =
    exit.signal === null ? `exit status ${exit.code}` : (signalWords[exit.signal] ?? `signal: ${exit.signal}`);
  return {
    errorType: 'Runtime.ExitError',
    errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: ${how}`,
  };
}

/** A payload above what Lambda takes in one piece. */
export function tooLarge(bytesMax: number): FunctionError {
  return {
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: `Response payload size exceeded maximum allowed payload size (${bytesMax} bytes).`,
  };
}

/** The body that a runtime posts for an error; whatever it is, it becomes one. */
export function readFunctionError(body: string, typeWhenNone = 'Unknown'): FunctionError {
  try {
    const { errorType, errorMessage, trace } = Object(JSON.parse(body));
    return {
      errorType: typeof errorType === 'string' ? errorType : typeWhenNone,
      errorMessage: typeof errorMessage === 'string' ? errorMessage : body,
      ...(Array.isArray(trace) ? { trace: trace.map(String) } : {}),
    };
  } catch {
    return { errorType: typeWhenNone, errorMessage: body };
  }
}
