/** Bar charts as SVG, written by hand: panels one below the other, in each a bar for each contestant, at its own scale. */

export type Bar = { readonly label: string; readonly value: number };

export type Panel = {
  readonly title: string;
  /** Behind each value. */
  readonly unit: string;
  /** At least one. */
  readonly bars: readonly Bar[];
  /** Where a line is drawn across: what must be reached, in the panel's unit. */
  readonly goal?: number | undefined;
};

const width = 720;
const labelWidth = 110;
const valueWidth = 110;
const barHeight = 18;
const barStep = 24;
const panelHead = 34;
const panelGap = 14;
const margin = 16;
const colors: Readonly<Record<string, string>> = {
  tidelake: '#0b7285',
  paimon: '#e8590c',
  pypaimon: '#f08c00',
  duckdb: '#f2c037',
  pyarrow: '#7048e8',
};

/** @returns the text of an SVG file, with a white ground, so that it can be read on a dark page too */
export function barChart(title: string, panels: readonly Panel[]): string {
  const parts: string[] = [text({ x: margin, y: 26, size: 15, content: title, isBold: true })];
  let top = 40;
  for (const panel of panels) {
    parts.push(...drawPanel(panel, top));
    top += panelHead + panel.bars.length * barStep + panelGap;
  }
  const height = top + margin - panelGap;
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif">`;
  const ground = `<rect width="${width}" height="${height}" fill="#ffffff"/>`;
  return `${[open, `<title>${escaped(title)}</title>`, ground, ...parts, '</svg>'].join('\n')}\n`;
}

function drawPanel({ title, unit, bars, goal }: Panel, top: number): readonly string[] {
  const most = Math.max(...bars.map(({ value }) => value), goal ?? 0);
  const room = width - margin - labelWidth - valueWidth;
  const lengthOf = (value: number): number => (most === 0 ? 0 : Math.round((room * value) / most));
  const parts = [text({ x: margin, y: top + 20, size: 12, content: title, isBold: false })];
  for (const [index, { label, value }] of bars.entries()) {
    const y = top + panelHead + index * barStep;
    const middle = y + barHeight - 5;
    const length = lengthOf(value);
    parts.push(text({ x: margin, y: middle, size: 12, content: label, isBold: label === 'tidelake' }));
    parts.push(
      `<rect x="${labelWidth}" y="${y}" width="${length}" height="${barHeight}" fill="${colors[label] ?? '#868e96'}"/>`,
    );
    parts.push(
      text({
        x: labelWidth + length + 6,
        y: middle,
        size: 12,
        content: `${shownNumber(value)} ${unit}`,
        isBold: false,
      }),
    );
  }
  if (goal !== undefined) {
    const x = labelWidth + lengthOf(goal);
    const bottom = top + panelHead + bars.length * barStep - (barStep - barHeight);
    parts.push(
      `<line x1="${x}" y1="${top + panelHead - 4}" x2="${x}" y2="${bottom + 4}" stroke="#212529" stroke-dasharray="4 3"/>`,
    );
  }
  return parts;
}

type Text = {
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly content: string;
  readonly isBold: boolean;
};

function text({ x, y, size, content, isBold }: Text): string {
  const weight = isBold ? ' font-weight="bold"' : '';
  return `<text x="${x}" y="${y}" font-size="${size}"${weight} fill="#212529">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Three digits, with separators of thousands. */
export function shownNumber(value: number): string {
  const short = Number(value.toPrecision(3));
  return Math.abs(short) >= 1_000 ? Math.round(value).toLocaleString('en-US') : String(short);
}
