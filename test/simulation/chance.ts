/**
 * Chance by name: a number for each (seed, label, ordinal), so that taking one fault away leaves all other decisions as they
 * were. That is what lets a failing run be made smaller.
 */

/** A word of 32 bits that depends on all of the input's; murmur3's finalizer over a sum. */
export function mix(seed: number, ordinal: number): number {
  let z = (seed + Math.imul(ordinal, 0x9e3779b9)) >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

/** In [0, 1). */
export function chance(seed: number, ordinal: number): number {
  return mix(seed, ordinal) / 0x1_0000_0000;
}

/** A seed for something with a name of its own. */
export function seedOf(seed: number, name: string): number {
  let hash = seed >>> 0;
  for (let at = 0; at < name.length; at += 1) hash = mix(hash, name.charCodeAt(at) + 1);
  return hash;
}

/** From `min` to `max`, evenly over orders of magnitude: milliseconds are as likely as hours. */
export function logUniform(place: number, range: { readonly min: number; readonly max: number }): number {
  return Math.floor(range.min * (range.max / range.min) ** place);
}
