/**
 * Writes states down in short, so that equal texts mean states that cannot be told apart.
 */

/** Characters below this are left for what separates parts. */
const firstNumber = 40;
const separator = '!';

/** One character for each small number. Identities are numbered in the order in which they are written first. */
export class StateText {
  #text = '';
  readonly #names: number[] = [];

  /** @param values from -8 to 60,000 */
  numbers(...values: readonly number[]): this {
    for (const value of values) this.#text += String.fromCharCode(firstNumber + value);
    return this;
  }

  flags(...values: readonly boolean[]): this {
    let bits = 0;
    for (const value of values) bits = bits * 2 + (value ? 1 : 0);
    return this.numbers(bits);
  }

  /** What is only ever compared with others of its kind. Negative ones are names of their own. */
  identity(identity: number): this {
    if (identity < 0) return this.numbers(identity);
    let name = this.#names.indexOf(identity);
    if (name < 0) name = this.#names.push(identity) - 1;
    return this.numbers(name);
  }

  /** Each item, and an end. */
  list<T>(items: readonly T[], write: (item: T) => void): this {
    for (const item of items) write(item);
    this.#text += separator;
    return this;
  }

  get text(): string {
    return this.#text;
  }
}

/** The text of a state with two interchangeable actors: the smaller of both ways to write it. */
export function symmetricText(write: (order: readonly [0, 1] | readonly [1, 0]) => string): string {
  const [straight, swapped] = [write([0, 1]), write([1, 0])];
  return straight < swapped ? straight : swapped;
}

/** A list with one item put in the place of another. */
export function replaced<T>(list: readonly T[], index: number, item: T): readonly T[] {
  const copy = list.slice();
  copy[index] = item;
  return copy;
}
