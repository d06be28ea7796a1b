import type { Scalar } from './scalar.ts';

/** A filter over columns, by name; literals are scalars of the column's type. SQL's three-valued logic: null is "no". */
export type Predicate =
  | { readonly kind: 'compare'; readonly op: CompareOp; readonly column: string; readonly value: Scalar }
  | { readonly kind: 'is-null' | 'is-not-null'; readonly column: string }
  | { readonly kind: 'in'; readonly column: string; readonly values: readonly Scalar[] }
  | { readonly kind: 'and' | 'or'; readonly children: readonly Predicate[] }
  | { readonly kind: 'not'; readonly child: Predicate };

export type CompareOp = '=' | '<>' | '<' | '<=' | '>' | '>=';
