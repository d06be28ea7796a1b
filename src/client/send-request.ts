/** One numbered request of rows, sent until it is answered. */
import type { Clock } from '../base/clock.ts';
import { LakeError } from '../base/errors.ts';
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

export type NumberedRequest = {
  readonly producer: string;
  readonly number: number;
  readonly body: string;
  /** JSON in ASCII; undefined: none. */
  readonly headers: string | undefined;
};

export type Refusal = {
  readonly error: LakeError;
  /** Nothing of it is there, and others of its rows may be taken. Otherwise it is of the table, or of who asks. */
  readonly isOfRows: boolean;
};

const backoff = { delayMsMin: 200, delayMsMax: 10_000 };
const tryMsMax = 60_000;
/** Whoever answers so has not looked at the rows to their end, or did not say what became of them. */
const passing: ReadonlySet<number> = new Set([408, 425, 429]);

/**
 * @param isAgain it was sent in an earlier life
 * @returns undefined: the log has it
 * @throws LakeError `unavailable` LAKE_LOG_UNKNOWN: rows may or may not be there
 */
export async function sendRequest(
  parts: SendParts,
  request: NumberedRequest,
  isAgain = false,
): Promise<Refusal | undefined> {
  const { clock, random, giveUpMs, url } = parts;
  const untilMs = clock.monotonicMs() + giveUpMs;
  for (let attempt = 0; ; attempt += 1) {
    const answer = await trySend(parts, request);
    if (answer === undefined) return undefined;
    if ('error' in answer) return isAgain || attempt > 0 ? uncertain(answer) : answer;
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
  { producer, number, body, headers: recordHeaders }: NumberedRequest,
): Promise<Refusal | Passing | undefined> {
  const headers = {
    'content-type': 'application/json',
    'tidelake-producer': producer,
    'tidelake-number': String(number),
    ...(recordHeaders === undefined ? {} : { 'tidelake-headers': recordHeaders }),
  };
  try {
    const answer = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(tryMsMax) });
    const { ok, status } = answer;
    const text = await answer.text();
    const said = jsonOf(text);
    // Somebody in between is content with anything, as a page to sign in is.
    if (ok && Number.isInteger(said?.rows)) return undefined;
    const error = errorOf(`${url}: ${status}, `, status, text, said?.error ?? {});
    const isOfRows = (status === 400 || status === 413) && error.code !== 'LAKE_BAD_HEADERS';
    if (!ok && status < 500 && !passing.has(status)) return { error, isOfRows };
    const waitMs = Number(answer.headers.get('retry-after') ?? 0) * 1_000;
    return { waitMs: Number.isFinite(waitMs) ? waitMs : 0, cause: error };
  } catch (cause) {
    return { waitMs: 0, cause };
  }
}

type Said = { readonly rows?: unknown; readonly error?: { readonly code?: unknown; readonly message?: unknown } };

/** What the catalog says; undefined or of another form: somebody in between has answered. */
function jsonOf(text: string): Said | undefined | null {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorOf(
  where: string,
  status: number,
  text: string,
  { code, message }: NonNullable<Said['error']>,
): LakeError {
  const kind = status < 500 ? 'invalid' : 'unavailable';
  if (typeof code !== 'string' || !/^LAKE_\w+$/.test(code)) {
    return new LakeError(kind, 'LAKE_HTTP', where + text.slice(0, 200));
  }
  return new LakeError(kind, `LAKE_${code.slice('LAKE_'.length)}`, where + message);
}

/** A refusal of what had been sent before without an answer. */
function uncertain({ error: { kind, code, message } }: Refusal): Refusal {
  const why = `${message}; an earlier try got no answer, so the rows may be there`;
  return { error: new LakeError(kind, code, why), isOfRows: false };
}
