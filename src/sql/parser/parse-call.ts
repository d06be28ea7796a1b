/** `CALL sys.name(…)`: arguments by place, or by name with `=>`; literals only. */
import type { TokenCursor } from './cursor.ts';
import type { CallArgument, Statement } from './statement.ts';

/** What follows CALL. */
export function parseCall(cursor: TokenCursor): Statement {
  let procedure = cursor.name('a procedure');
  // `sys.create_tag`, also with the name of a catalog before it.
  while (cursor.take('.')) procedure = cursor.name('a procedure');
  cursor.expect('(');
  const args: CallArgument[] = [];
  if (!cursor.take(')')) {
    do {
      args.push(argument(cursor));
    } while (cursor.take(','));
    cursor.expect(')');
  }
  return { kind: 'call', procedure: procedure.toLowerCase(), args };
}

function argument(cursor: TokenCursor): CallArgument {
  const first = cursor.peek();
  const arrow = cursor.peek(1);
  const isNamed = (first.kind === 'word' || first.kind === 'quoted') && arrow.kind === 'symbol' && arrow.text === '=>';
  if (!isNamed) return { name: undefined, value: literal(cursor) };
  const name = cursor.name('an argument');
  cursor.expect('=>');
  return { name, value: literal(cursor) };
}

function literal(cursor: TokenCursor): CallArgument['value'] {
  if (cursor.take('NULL')) return null;
  if (cursor.take('TRUE')) return true;
  if (cursor.take('FALSE')) return false;
  if (cursor.peek(1).kind === 'string' && (cursor.take('TIMESTAMP') || cursor.take('DATE'))) {
    return cursor.string('a literal');
  }
  if (cursor.peek().kind === 'string') return cursor.next().text;
  const sign = cursor.take('-') ? '-' : '';
  const token = cursor.peek();
  if (token.kind !== 'number' || !/^\d{1,18}$/.test(token.text)) {
    throw cursor.error('expected a text, a whole number, TRUE, FALSE or NULL');
  }
  return BigInt(sign + cursor.next().text);
}
