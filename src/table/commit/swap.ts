/**
 * One swap: the conditional PUT of a snapshot at its number until there is an answer (DESIGN S4), and finding out what
 * became of it (S5). What to look at next and what it means is decided in decide-settle.ts.
 */
import type { Clock } from '../../base/clock.ts';
import { isLakeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { backoffMs } from '../../base/retry.ts';
import { jsonBytesMax } from '../../format/metadata-limits.ts';
import { snapshotPath } from '../../format/paths.ts';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from '../../format/snapshot.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { listSnapshotIds } from '../snapshots.ts';
import { decideSettle, isPrompt, type SwapEvidence } from './decide-settle.ts';
import { swapBackoff, swapTriesMax } from './limits.ts';
import { parentProperty } from './properties.ts';

export type SwapParts = {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly metaPath: string;
  readonly label: string;
  readonly snapshot: Snapshot;
  readonly baseStoreTimeMs: number;
  readonly signal: AbortSignal | undefined;
};

export type SwapResult =
  /** `prompt`: nobody can have taken the number away since; it may be built on without another look. */
  | { readonly status: 'committed'; readonly prompt: boolean }
  | { readonly status: 'lost' | 'void' }
  | { readonly status: 'unknown'; readonly detail: string };

type Answer = Pick<SwapEvidence, 'last' | 'unansweredBefore' | 'answeredMs'>;

/** @throws what the store throws while nothing can have happened; once something may have, the answer is `unknown` */
export async function swap(parts: SwapParts): Promise<SwapResult> {
  const sent = await send(parts);
  if (sent.status === 'unknown') return sent;
  let evidence: SwapEvidence = {
    ...sent.answer,
    baseStoreTimeMs: parts.baseStoreTimeMs,
    own: sent.own,
    largest: 'not-read',
    next: 'not-read',
  };
  try {
    for (;;) {
      const step = decideSettle(evidence);
      if (step.kind === 'look') {
        evidence = await lookAt(step.at, evidence, parts);
        continue;
      }
      switch (step.verdict) {
        case 'committed':
          return { status: 'committed', prompt: isPrompt(evidence) };
        case 'unknown':
          return { status: 'unknown', detail: 'the answer came too late to tell what became of it' };
        default:
          return { status: step.verdict };
      }
    }
  } catch (error) {
    return {
      status: 'unknown',
      detail: `the swap was answered, and looking at what became of it failed: ${text(error)}`,
    };
  }
}

type Sent =
  | { readonly status: 'answered'; readonly answer: Answer; readonly own: SwapEvidence['own'] }
  | { readonly status: 'unknown'; readonly detail: string };

/** S4: the same body to the same key until 200 or 412. */
async function send(parts: SwapParts): Promise<Sent> {
  const { store, clock, random, signal } = parts;
  const key = keyOf(parts, parts.snapshot.id);
  const bytes = encodeSnapshot(parts.snapshot);
  let unanswered: { readonly cause: unknown } | undefined;
  for (let tries = 0; tries < swapTriesMax; tries += 1) {
    try {
      const outcome = await store.putIfAbsent(key, bytes, { signal });
      if (outcome.status !== 'unanswered') {
        const answer = {
          last: outcome.status,
          unansweredBefore: unanswered !== undefined,
          answeredMs: outcome.storeTimeMs,
        };
        return { status: 'answered', answer, own: 'not-read' };
      }
      unanswered = { cause: outcome.cause };
      await clock.sleep(backoffMs(tries, random, swapBackoff), signal);
    } catch (error) {
      // This try surely did not happen. An earlier one may have.
      if (unanswered === undefined) throw error;
      unanswered = { cause: error };
      break;
    }
  }
  return lastLook(parts, unanswered?.cause);
}

/** No answer came. What lies at the number is as good as one: a 412 says no more. Nothing there proves nothing. */
async function lastLook(parts: SwapParts, cause: unknown): Promise<Sent> {
  const detail = `no answer to the swap (${text(cause)})`;
  try {
    const object = await parts.store.get(keyOf(parts, parts.snapshot.id), { bytesMax: jsonBytesMax });
    if (object === undefined) return { status: 'unknown', detail };
    const answer = { last: 'exists', unansweredBefore: true, answeredMs: object.storeTimeMs } as const;
    return { status: 'answered', answer, own: ownOf(object.bytes, parts) };
  } catch (error) {
    return { status: 'unknown', detail: `${detail}, nor to looking (${text(error)})` };
  }
}

async function lookAt(at: 'own' | 'largest' | 'next', evidence: SwapEvidence, parts: SwapParts): Promise<SwapEvidence> {
  const { store, snapshot } = parts;
  switch (at) {
    case 'own': {
      const object = await store.get(keyOf(parts, snapshot.id), { bytesMax: jsonBytesMax });
      if (object === undefined) return { ...evidence, own: 'absent' };
      // After a 412 this is the answer that counts (S5); a late 200 stays late.
      const answeredMs = evidence.last === 'exists' ? object.storeTimeMs : evidence.answeredMs;
      return { ...evidence, own: ownOf(object.bytes, parts), answeredMs };
    }
    case 'largest': {
      const largest = (await listSnapshotIds(parts)).ids.at(-1);
      return { ...evidence, largest: largest === snapshot.id ? 'is-own' : 'is-not-own' };
    }
    case 'next': {
      const key = keyOf(parts, snapshot.id + 1);
      const object = await store.get(key, { bytesMax: jsonBytesMax });
      if (object === undefined) return { ...evidence, next: 'absent' };
      const parent = decodeSnapshot(object.bytes, key).properties[parentProperty];
      if (parent === undefined) return { ...evidence, next: 'has-no-link' };
      return { ...evidence, next: parent === snapshot.deltaManifestList ? 'links-to-ours' : 'links-to-another' };
    }
    default:
      return at satisfies never;
  }
}

function ownOf(bytes: Uint8Array, parts: SwapParts): 'ours' | 'another' {
  const there = decodeSnapshot(bytes, keyOf(parts, parts.snapshot.id));
  return there.deltaManifestList === parts.snapshot.deltaManifestList ? 'ours' : 'another';
}

function keyOf({ metaPath }: SwapParts, id: number): string {
  return `${metaPath}/${snapshotPath(id)}`;
}

function text(error: unknown): string {
  if (isLakeError(error)) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
