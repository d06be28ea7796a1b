import type { Scalar } from '../types/scalar.ts';

/** How a column's values become one. `held` is what the older ones came to; either may be null. */
export type ValueAggregate = {
  readonly add: (held: Scalar, value: Scalar) => Scalar;
  /** Takes in a value whose place is before those that are in; unless said, `add` the other way round. */
  readonly addOlder?: (held: Scalar, value: Scalar) => Scalar;
  readonly retract: (held: Scalar, value: Scalar) => Scalar;
};
