/** Floating-point numbers as Java prints and reads them. @see java.lang.Double.toString since JDK 19 */

/** `1.0`, `0.001`, `9.99E-4`, `1.0E7`, `NaN`, `Infinity`: the shortest digits that read back as the same double. */
export function javaDouble(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  return arrange(withTwoDigits(value, value.toExponential(), Number));
}

/** As `javaDouble` for a value of FLOAT: the shortest digits that read back as the same float. */
export function javaFloat(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  for (let digits = 0; digits < 9; digits += 1) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) === value) {
      return arrange(withTwoDigits(value, text, found => Math.fround(Number(found))));
    }
  }
  return arrange(value.toExponential(9));
}

/** Java wants two digits at least, and of those the nearest: 4.9E-324, where one digit would be 5E-324. */
function withTwoDigits(value: number, text: string, read: (text: string) => number): string {
  if (text.includes('.')) return text;
  const two = value.toExponential(1);
  return read(two) === value ? two : text;
}

/** Lays digits out as Java does: plain from 10^-3 to below 10^7, else with an exponent. */
function arrange(exponential: string): string {
  const [mantissa = '', power = '0'] = exponential.split('e');
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace('-', '').replace('.', '').replace(/0+$/, '') || '0';
  const exponent = Number(power);
  if (exponent < -3 || exponent >= 7) return `${sign}${digits[0]}.${digits.slice(1) || '0'}E${exponent}`;
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

const javaNumberPattern = /^([+-]?)(?:(NaN|Infinity)|((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[fFdD]?)$/;

/** What Double.parseDouble makes of a text, hexadecimal notation excepted; undefined when it throws. */
export function parseJavaDouble(text: string): number | undefined {
  // Java trims what is up to U+0020.
  const match = javaNumberPattern.exec(text.replace(/^[\u0000-\u0020]+|[\u0000-\u0020]+$/g, ''));
  if (match === null) return undefined;
  const magnitude = Number(match[2] ?? match[3]);
  return match[1] === '-' ? -magnitude : magnitude;
}
