/**
 * Plain values as YAML, as far as templates need it: keys in the order given, comments above resources, lists of scalars and
 * maps of one key in a line where they fit.
 */

/** Of what stands in a line by itself, characters. */
const flowLengthMax = 90;
/** Of a line, so that comments read well beside one another. */
const commentWidthMax = 120;
const plainScalar = /^[A-Za-z][A-Za-z0-9_./-]*(?:(?: |::?)[A-Za-z0-9_./-]+)*$/;
/** Words that YAML, or some reader of it, takes for something else than text. */
const notText = /^(?:y|yes|n|no|true|false|on|off|null|nan|inf)$/i;

/** @param value a list or map; undefined fields are left out, a field `comment` becomes a comment */
export function yamlText(value: object): string {
  return `${block(value, '')}\n`;
}

function block(value: object, indent: string): string {
  if (Array.isArray(value)) {
    return value.map(item => `${indent}- ${nested(item, `${indent}  `).trimStart()}`).join('\n');
  }
  return Object.entries(value)
    .filter(([key, field]) => field !== undefined && key !== 'comment')
    .map(([key, field]) => `${commentAbove(field, indent)}${indent}${scalar(key)}:${after(field, indent)}`)
    .join('\n');
}

/** What stands after `key:`. */
function after(value: unknown, indent: string): string {
  const text = nested(value, `${indent}  `);
  return text.startsWith(' ') ? `\n${text}` : ` ${text}`;
}

/** @returns a block that begins with the indent, or what fits in a line, which does not */
function nested(value: unknown, indent: string): string {
  if (!isNested(value)) return scalar(value);
  const line = flow(value);
  return isShort(value) && line.length <= flowLengthMax ? line : block(value, indent);
}

function isShort(value: object): boolean {
  const fields: readonly unknown[] = Object.values(value);
  if ('comment' in value) return false;
  return fields.length === 0 || (Array.isArray(value) ? !fields.some(isNested) : fields.length === 1);
}

function flow(value: unknown): string {
  if (!isNested(value)) return scalar(value);
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return fields.length === 0
    ? '{}'
    : `{ ${fields.map(([key, field]) => `${scalar(key)}: ${flow(field)}`).join(', ')} }`;
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function scalar(value: unknown): string {
  if (typeof value !== 'string') return String(value);
  return plainScalar.test(value) && !notText.test(value) ? value : JSON.stringify(value);
}

function commentAbove(value: unknown, indent: string): string {
  const comment = isNested(value) && 'comment' in value ? value.comment : undefined;
  if (typeof comment !== 'string') return '';
  const lines: string[] = [];
  let line = `${indent}#`;
  for (const word of comment.split(' ')) {
    if (line.length + 1 + word.length > commentWidthMax) {
      lines.push(line);
      line = `${indent}#`;
    }
    line += ` ${word}`;
  }
  return `${[...lines, line].join('\n')}\n`;
}
