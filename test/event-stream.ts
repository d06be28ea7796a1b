/** Reads server-sent events as a client does. */

export type ServerEvent = { readonly name: string; readonly id: string | undefined; readonly data: unknown };

/** Events of a body, in pieces of any size; comments are passed over. */
export async function* serverEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent, void, undefined> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      const data = fields.get('data');
      if (data !== undefined) yield { name: fields.get('event') ?? '', id: fields.get('id'), data: JSON.parse(data) };
    }
  }
  if (text !== '') throw new Error(`cut off in an event: ${text.slice(0, 100)}`);
}

/** Rows of `changes` events, as `+I {…}`. */
export function changesOf({ name, data }: ServerEvent): readonly string[] {
  if (name !== 'changes') return [];
  const { changes } = data as { readonly changes: readonly { readonly op: string; readonly row: unknown }[] };
  return changes.map(({ op, row }) => `${op} ${JSON.stringify(row)}`);
}
