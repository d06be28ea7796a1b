/**
 * Inputs that failed once, each with what it must give since: `cases/TARGET/NAME.json`. A unit test decodes them all for
 * ever; the fuzzer saves what it finds here, and whoever fixes it writes down the outcome that is right.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Failure } from './run.ts';

export type Case = {
  readonly name: string;
  readonly target: string;
  /** Base64. */
  readonly input: string;
  /** A code, or `value`. `unknown` until somebody has looked: any right outcome will do. */
  readonly expect: string;
  /** What it gave when it was found. */
  readonly found: string;
};

const folder = new URL('cases/', import.meta.url);

export function savedCases(): readonly Case[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.json'))
    .toSorted()
    .map(path => ({ name: path, ...JSON.parse(readFileSync(new URL(path, folder), 'utf8')) }));
}

/** @returns where it lies */
export function saveCase({ target, what, input }: Failure): string {
  const found = what.replaceAll(/\s+/g, ' ').slice(0, 200);
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 10);
  const path = `${target}/${digest}.json`;
  mkdirSync(new URL(`${target}/`, folder), { recursive: true });
  const text = JSON.stringify(
    { target, found, expect: 'unknown', input: Buffer.from(input).toString('base64') },
    undefined,
    2,
  );
  writeFileSync(new URL(path, folder), `${text}\n`);
  return `test/fuzz/cases/${path}`;
}
