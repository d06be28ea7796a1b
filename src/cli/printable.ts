/** Text that comes from data, so that a terminal shows it and does not do what it says. */

/**
 * What a terminal acts on: control characters of 7 and of 8 bits, separators of lines, and what turns the direction of text
 * around. Ends of lines and tabs are layout.
 */
const steering = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Each such character becomes `\u001b`, as JSON has it: of a line of JSON the meaning stays. */
export function printable(text: string): string {
  return text.replace(steering, escaped);
}

/** The same for what is to stand in one line. */
export function printableInLine(text: string): string {
  return printable(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
