/**
 * Event patterns of EventBridge: which events a rule wants.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */

/** @throws Error when the pattern asks for a comparison that is not known here */
export function matchesPattern(pattern: unknown, event: unknown): boolean {
  if (Array.isArray(pattern)) {
    const values: readonly unknown[] = Array.isArray(event) ? event : [event];
    return pattern.some(wanted => values.some(value => matchesValue(wanted, value)));
  }
  if (typeof pattern !== 'object' || pattern === null) throw new Error('a pattern ends in lists of values');
  return Object.entries(pattern).every(([key, inner]) => matchesPattern(inner, Object(event)[key]));
}

function matchesValue(wanted: unknown, value: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return wanted === value;
  const [[operator = '', operand] = []] = Object.entries(wanted);
  if (typeof operand !== 'string') throw new Error(`the local cloud does not know the comparison ${operator}`);
  if (typeof value !== 'string') return false;
  switch (operator) {
    case 'prefix':
      return value.startsWith(operand);
    case 'suffix':
      return value.endsWith(operand);
    case 'wildcard':
      return new RegExp(`^${operand.split('*').map(literal).join('.*')}$`, 's').test(value);
    default:
      throw new Error(`the local cloud does not know the comparison ${operator}`);
  }
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
