/** A schema that settings and events share. */
import * as z from 'zod';

/**
 * Text of at least one character. Not by zod's `min`, which compares the `length` of whatever it is given, also of an
 * object that fails to be compared.
 */
export const filledText: z.ZodString = z.string().regex(/./s, 'must not be empty');
