/** What an answer of HTTP that tells a failure says. */
import { strictEqual } from 'node:assert/strict';

/** @returns status and code */
export async function failed(answer: Promise<Response>): Promise<readonly [number, string]> {
  const response = await answer;
  strictEqual(response.headers.get('content-type'), 'application/json');
  const body = (await response.json()) as { error: { code: string } };
  return [response.status, body.error.code];
}
