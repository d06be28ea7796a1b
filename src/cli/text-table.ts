/** Rows of cells as a table for people; nothing of their text steers the terminal. */
import { printableInLine } from './printable.ts';

export type TextTable = {
  readonly columns: readonly string[];
  readonly isNumber: readonly boolean[];
  readonly rows: AsyncIterable<readonly (readonly string[])[]>;
};

const cellLengthMax = 80;
const gap = '  ';

/** Pieces of text. Widths are those of the first piece of rows, so that a long result need not be held. */
export async function* textTable({ columns, isNumber, rows }: TextTable): AsyncGenerator<string, void, undefined> {
  let widths: readonly number[] | undefined;
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, index) => {
      const text = shown(cell);
      const blank = ' '.repeat(Math.max(0, (widths?.[index] ?? 0) - widthOf(text)));
      return isNumber[index] === true ? blank + text : text + blank;
    });
    return `${padded.join(gap).trimEnd()}\n`;
  };
  for await (const piece of rows) {
    let text = '';
    if (widths === undefined) {
      widths = columns.map((name, index) =>
        piece.reduce((width, row) => Math.max(width, widthOf(shown(row[index] ?? ''))), widthOf(shown(name))),
      );
      text = line(columns) + line(widths.map(width => '-'.repeat(width)));
    }
    for (const row of piece) text += line(row);
    yield text;
  }
  if (widths === undefined) {
    widths = columns.map(name => widthOf(shown(name)));
    yield line(columns) + line(widths.map(width => '-'.repeat(width)));
  }
}

function widthOf(text: string): number {
  return [...text].length;
}

function shown(cell: string): string {
  // No more of it than is looked at: a cell may be long.
  const text = printableInLine(cell.slice(0, cellLengthMax + 1));
  return text.length <= cellLengthMax ? text : `${text.slice(0, cellLengthMax - 1)}…`;
}
