/** Values of options, checked as they are read; what is wrong is wrong usage. */
import { InvalidArgumentError } from 'commander';

export function wholeNumber(text: string): number {
  const number = Number(text);
  if (/^\d{1,15}$/.test(text)) return number;
  throw new InvalidArgumentError('It must be a whole number.');
}

export function nameList(text: string): readonly string[] {
  const names = text.split(',').map(name => name.trim());
  if (names.every(name => name !== '')) return names;
  throw new InvalidArgumentError('It must be names with commas between them.');
}
