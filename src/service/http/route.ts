/** A route of an HTTP interface: how it is called, what it says of itself, and who answers. */
import type * as z from 'zod';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { Purpose } from '../../metering/usage.ts';
import type { Metering } from '../cost/metering.ts';
import type { Failure } from './failures.ts';

/** What any route needs of a lake. */
export type RouteParts = { readonly clock: Clock; readonly random: Random; readonly metering: Metering };

/** @typeParam P what it works with */
export type Route<P extends RouteParts = RouteParts> = {
  readonly method: 'GET' | 'POST';
  /** In the form of OpenAPI: `/v1/tables/{table}/rows`. */
  readonly path: string;
  /** Of the operation, in the description. */
  readonly id: string;
  readonly summary: string;
  /** What its requests count for. */
  readonly purpose: Purpose;
  readonly description?: string;
  /** What may stand behind `?`. */
  readonly query?: z.ZodObject;
  readonly headers?: readonly HeaderParameter[];
  readonly body?: RouteBody;
  /** Types of an answer of status 200, with what is in it. */
  readonly answers: Readonly<Record<string, string>>;
  /** @throws LakeError what cannot be answered */
  readonly answer: (call: Call<P>) => Promise<Answer>;
};

export type HeaderParameter = { readonly name: string; readonly description: string };

export type RouteBody = {
  /** Media types that are taken; without one it is the first. */
  readonly types: readonly string[];
  readonly description: string;
  readonly schema: z.ZodType;
};

export type Call<P extends RouteParts = RouteParts> = {
  readonly parts: P;
  readonly request: Request;
  /** What stands in the path for a name in braces. */
  readonly parameter: (name: string) => string;
  readonly query: Readonly<Record<string, string>>;
  /** Aborts when the time of the invocation is nearly up, and when nobody takes the answer any more. */
  readonly signal: AbortSignal;
  /** Whether nobody takes the answer any more. */
  readonly isAbandoned: () => boolean;
  /** What a failure is to the caller, for answers that have begun; it is reported as others are. */
  readonly failed: (error: unknown) => Failure;
};

export type Answer =
  | { readonly kind: 'json'; readonly json: string }
  /**
   * A text in pieces, each made when it is wanted. What is thrown before the first piece is answered with its status;
   * afterwards the pieces themselves have to say it.
   */
  | { readonly kind: 'stream'; readonly contentType: string; readonly pieces: AsyncGenerator<string, void, undefined> };
