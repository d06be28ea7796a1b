/** One numbered request of rows, sent until it is answered. */
import type { Clock } from '../base/clock.ts';
import { isLakeError, LakeError, type LakeErrorCode } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { backoffMs } from '../base/retry.ts';

/** What is used of an answer. */
export type AnswerLike = {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { readonly get: (name: string) => string | null };
  readonly text: () => Promise<string>;
};

/** As the page's own `fetch`; one that signs requests or adds a token goes here. */
export type FetchLike = (
  url: string,
  init: {
    readonly method: 'POST';
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly signal: AbortSignal;
  },
) => Promise<AnswerLike>;

export type SendParts = {
  readonly fetch: FetchLike;
  readonly clock: Clock;
  readonly random: Random;
  /** Of the table's rows. */
  readonly url: string;
  /** How long a request is tried. */
  readonly giveUpMs: number;
};

export type NumberedRequest = { readonly producer: string; readonly number: number; readonly body: string };

export type SendOutcome =
  | { readonly status: 'acknowledged' }
  /** `isCertain`: nothing of it is there. Otherwise an earlier try got no answer. */
  | { readonly status: 'refused'; readonly isCertain: boolean; readonly error: LakeError };

const backoff = { delayMsMin: 200, delayMsMax: 10_000 };
const tryMsMax = 60_000;
/** Whoever answers so has not looked at the rows to their end, or did not say what became of them. */
const passing: ReadonlySet<number> = new Set([408, 425, 429]);

/** @throws LakeError `unavailable` LAKE_LOG_UNKNOWN: rows may or may not be there */
export async function sendRequest(parts: SendParts, request: NumberedRequest): Promise<SendOutcome> {
  const { clock, random, giveUpMs, url } = parts;
  const untilMs = clock.monotonicMs() + giveUpMs;
  for (let attempt = 0; ; attempt += 1) {
    const answer = await trySend(parts, request);
    if (answer === 'acknowledged') return { status: answer };
    if (isLakeError(answer)) return { status: 'refused', isCertain: attempt === 0, error: answer };
    const waitMs = Math.max(backoffMs(attempt, random, backoff), answer.waitMs);
    if (clock.monotonicMs() + waitMs >= untilMs) {
      const message = `${url}: request ${request.number} of ${request.producer} was not acknowledged in ${giveUpMs} ms`;
      throw new LakeError('unavailable', 'LAKE_LOG_UNKNOWN', `${message}; its rows may or may not be there`, {
        cause: answer.cause,
      });
    }
    await clock.sleep(waitMs);
  }
}

type Passing = { readonly waitMs: number; readonly cause: unknown };

async function trySend(
  { fetch, url }: SendParts,
  { producer, number, body }: NumberedRequest,
): Promise<'acknowledged' | LakeError | Passing> {
  const headers = {
    'content-type': 'application/json',
    'tidelake-producer': producer,
    'tidelake-number': String(number),
  };
  try {
    const answer = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(tryMsMax) });
    const text = await answer.text();
    if (answer.ok) return 'acknowledged';
    const { status } = answer;
    if (status < 500 && !passing.has(status)) return refusal(url, status, text);
    const waitMs = Number(answer.headers.get('retry-after') ?? 0) * 1_000;
    return { waitMs: Number.isFinite(waitMs) ? waitMs : 0, cause: refusal(url, status, text) };
  } catch (cause) {
    return { waitMs: 0, cause };
  }
}

function refusal(url: string, status: number, text: string): LakeError {
  const { code, message } = errorOf(text);
  return new LakeError(status < 500 ? 'invalid' : 'unavailable', code, `${url}: ${status}, ${message}`);
}

function errorOf(text: string): { readonly code: LakeErrorCode; readonly message: string } {
  try {
    const { code, message } = JSON.parse(text).error;
    if (typeof code === 'string' && /^LAKE_\w+$/.test(code)) {
      return { code: `LAKE_${code.slice('LAKE_'.length)}`, message: String(message) };
    }
  } catch {
    // Somebody in between has answered.
  }
  return { code: 'LAKE_HTTP', message: text.slice(0, 200) };
}
