/**
 * One source with all its mutants in it: at each place a question which of them is asked for. So the program is loaded once,
 * whatever the number of mutants, and a mutant costs no more than the tests that reach it.
 */
import type { Mutant } from './find-mutants.ts';

/** The global function that the program asks: `isMutant(id)`. It also learns so that the place was reached. */
export const switchName = '__isMutant';

type Span = { readonly start: number; readonly end: number; readonly mutants: Mutant[]; readonly inside: Span[] };

export function withMutants(text: string, mutants: readonly Mutant[]): string {
  const root: Span = { start: 0, end: text.length, mutants: [], inside: [] };
  // The wider span first, and of two alike the statement.
  const ordered = mutants.toSorted(
    (a, b) => a.start - b.start || b.end - a.end || Number(b.kind === 'statement') - Number(a.kind === 'statement'),
  );
  const open: Span[] = [root];
  for (const mutant of ordered) {
    while (mutant.start >= last(open).end) open.pop();
    const around = last(open);
    const isSame = around.start === mutant.start && around.end === mutant.end;
    if (isSame && around.mutants[0]?.kind === mutant.kind) {
      around.mutants.push(mutant);
      continue;
    }
    const span: Span = { start: mutant.start, end: mutant.end, mutants: [mutant], inside: [] };
    around.inside.push(span);
    open.push(span);
  }
  return rendered(text, root);
}

function rendered(text: string, { start, end, mutants, inside }: Span): string {
  let from = start;
  let body = '';
  for (const span of inside) {
    body += text.slice(from, span.start) + rendered(text, span);
    from = span.end;
  }
  body += text.slice(from, end);
  // In braces, lest an `else` that follows becomes its own.
  if (mutants[0]?.kind === 'statement') return `{ if (!${switchName}(${mutants[0].id})) { ${body} } }`;
  if (mutants.length === 0) return body;
  const choices = mutants.map(({ id, code }) => `${switchName}(${id}) ? (${code}) : `).join('');
  return `(${choices}(${body}))`;
}

function last(spans: readonly Span[]): Span {
  const span = spans.at(-1);
  if (span === undefined) throw new RangeError('the whole text is always open');
  return span;
}
