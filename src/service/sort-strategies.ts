/** The words of sort orders, for who parses them: without the service they are asked of. */
export { type SortStrategy, sortStrategies } from '../format/clustering-options.ts';
