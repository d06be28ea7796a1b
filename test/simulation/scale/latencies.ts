/**
 * How long S3 and Kinesis take in a world that is about time: medians in one region, and a tail like that of a log-normal law. They
 * are assumptions, not measurements; docs/SCALE.md states them.
 */

/** Milliseconds in the middle, by kind of request. */
const medianMs: Readonly<Record<string, number>> = {
  get: 15,
  head: 12,
  list: 25,
  put: 30,
  'put-if-absent': 30,
  'put-if-match': 30,
  delete: 15,
  append: 15,
  read: 15,
};
const medianMsDefault = 30;
/** How wide the logarithm lies: one in a hundred takes 2.6 times the median, one in a thousand 4.3, none more than 5. */
const sigma = 0.36;

/** @param place in [0, 1) */
export function cloudLatencyMs(what: string, place: number): number {
  // Logistic instead of normal, which has no closed form: as wide in the middle, a little wider at its ends.
  const clamped = Math.min(0.9995, Math.max(0.0005, place));
  const deviation = Math.log(clamped / (1 - clamped)) / 1.702;
  return Math.max(1, Math.round((medianMs[what] ?? medianMsDefault) * Math.exp(sigma * deviation)));
}
