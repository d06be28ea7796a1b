/**
 * An address for messages and logs: whatever stands where URLs have a user and a password, or behind a question mark, is
 * left out, since people put keys there.
 */
export function addressText(uri: string): string {
  const shown = uri
    .replace(/\/\/.*@/s, '//***@')
    .replace(/\?.*$/s, '?***')
    .slice(0, addressLengthMax);
  return JSON.stringify(shown);
}

/** Longest address that is shown, characters. */
const addressLengthMax = 300;
