/**
 * Runs tests written for Vitest one at a time, as often as wanted, in one process whose modules stay loaded: Vitest itself
 * would load everything anew for each of thousands of mutants. It stands in for the package's `test`, `expect` and `beforeAll`;
 * matchers are Vitest's own. What it does not know it refuses, rather than to pass a test by leaving part of it out.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

type Body = (...values: readonly unknown[]) => unknown;

export type CollectedTest = { readonly index: number; readonly file: string; readonly name: string };
type RunnableTest = CollectedTest & { readonly run: () => Promise<void> };

const pollMs = 10;
const pollMsMax = 5_000;

const tests: RunnableTest[] = [];
/** What a file does before its first test; empty once that is done. */
const beginnings = new Map<string, Body[]>();
let currentFile = '';

/** Tests of a file that is being imported are collected under its name. */
export function collectFrom(file: string): void {
  currentFile = file;
  beginnings.set(file, []);
}

export function collectedTests(): readonly CollectedTest[] {
  return tests.map(({ index, file, name }) => ({ index, file, name }));
}

export type TestEnd = { readonly status: 'passed' | 'failed' | 'timed-out'; readonly error?: string };

/** Runs one test. One that takes longer than the limit goes on behind our back: the process is to be replaced. */
export async function runTest(index: number, msMax: number): Promise<TestEnd> {
  const found = tests[index];
  if (found === undefined) throw new RangeError(`there is no test ${index}`);
  const limit = new AbortController();
  try {
    const late = sleep(msMax, 'timed-out' as const, { signal: limit.signal }).catch(() => 'passed' as const);
    return { status: await Promise.race([late, found.run().then(() => 'passed' as const)]) };
  } catch (error) {
    return { status: 'failed', error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  } finally {
    limit.abort();
  }
}

/** Takes Vitest's place for the tests. @param realExpect Vitest's own */
export function vitestStandIn(realExpect: object): Readonly<Record<string, unknown>> {
  const test = Object.assign(addTest, {
    each: (rows: readonly unknown[]) => (name: string, body: Body) => {
      for (const row of rows) addTest(`${name} ${inspect(row)}`, () => body(...(Array.isArray(row) ? row : [row])));
    },
    for: (rows: readonly unknown[]) => (name: string, body: Body) => {
      for (const row of rows) addTest(`${name} ${inspect(row)}`, () => body(row));
    },
  });
  const expect = new Proxy(realExpect, {
    get: (target, key) => (key === 'poll' ? polling(realExpect) : Reflect.get(target, key)),
  });
  return { test, expect, beforeAll: (body: Body) => void beginnings.get(currentFile)?.push(body) };
}

function addTest(name: string, ...rest: readonly unknown[]): void {
  const file = currentFile;
  const body = rest.find(part => typeof part === 'function');
  if (body === undefined) throw new TypeError(`${file}: "${name}" has no body`);
  const index = tests.length;
  const run = async (): Promise<void> => {
    for (const begin of beginnings.get(file)?.splice(0) ?? []) await begin();
    await Reflect.apply(body, undefined, [{}]);
  };
  tests.push({ index, file, name, run });
}

/** `expect.poll(read).matcher(…)`: until the matcher takes what is read. */
function polling(expect: object): (read: () => unknown, options?: { readonly timeout?: number }) => object {
  if (typeof expect !== 'function') throw new TypeError('expect is a function');
  return (read, options = {}) =>
    new Proxy(
      {},
      {
        get:
          (_target, matcher) =>
          async (...values: readonly unknown[]): Promise<void> => {
            const tries = Math.ceil((options.timeout ?? pollMsMax) / pollMs);
            for (let attempt = 1; ; attempt += 1) {
              try {
                const assertion: unknown = expect(await read());
                const match: unknown = Reflect.get(Object(assertion), matcher);
                if (typeof match !== 'function') throw new TypeError(`expect.poll has no ${String(matcher)}`);
                await Reflect.apply(match, assertion, values);
                return;
              } catch (error) {
                if (attempt >= tries) throw error;
              }
              await sleep(pollMs);
            }
          },
      },
    );
}
