/**
 * The constants of the swap. Store time is meant throughout: no rule reads our own clock (DESIGN 2).
 */

/** A: a superseded snapshot stays at least this long. */
export const supersededStaysMs = 3_600_000;
/** B: a base is fresh for this long; an answer within it of the base's time is prompt (S5). */
export const baseFreshMs = 600_000;
/** A base older than this is looked up again before the swap (S1). */
export const baseLookAgainMs: number = baseFreshMs / 2;
/**
 * A base that is remembered for longer than this by our own clock is asked after before anything is written on it: one HEAD,
 * where a swap that is lost has cost three PUTs. Whoever commits more often is told by the swap itself.
 */
export const baseAskAfterMs = 5_000;
/** U: an upload that began this long before the base was looked up is not committed any more (S7). */
export const uploadAgeMsMax = 43_200_000;

/** Attempts of one commit, each at a number of its own, before it gives up as a conflict. */
export const commitAttemptsMax = 1_000;
/** A commit that still loses after this long gives up as a conflict; our own clock, it decides nothing else. */
export const commitElapsedMsMax = 900_000;
/** However long they took (the process may have stood still), that many attempts are made. */
export const commitAttemptsMin = 20;
/** Sendings of one body to one number before the outcome is called unknown (S4). */
export const swapTriesMax = 30;
export const swapBackoff: { readonly delayMsMin: number; readonly delayMsMax: number } = {
  delayMsMin: 50,
  delayMsMax: 5_000,
};
/** Times a writer may be asked to write its files again on one base. */
export const planRoundsMax = 4;
/** Lookups of a head that keeps vanishing between LIST and GET. */
export const lookupTriesMax = 10;
/** Metadata objects written or read at a time. */
export const metadataConcurrencyMax = 16;
