/**
 * One value of a column, outside the columns, a **scalar** even where its type is nested: keys, partition values, literals of predicates, minima and maxima.
 *
 * | type | value |
 * |---|---|
 * | BOOLEAN | boolean |
 * | TINYINT SMALLINT INT FLOAT DOUBLE | number |
 * | BIGINT | bigint |
 * | DECIMAL | bigint, the unscaled value |
 * | CHAR VARCHAR STRING | string |
 * | BINARY VARBINARY BYTES | Uint8Array |
 * | DATE | number, days since 1970-01-01 |
 * | TIME | number, milliseconds of the day |
 * | TIMESTAMP TIMESTAMP_LTZ, any precision | bigint, nanoseconds since 1970-01-01T00:00:00 |
 * | ARRAY | array of the elements |
 * | MAP, MULTISET | array of entries, each an array of key and value (of a multiset: how often) |
 * | ROW | array of the fields' values |
 */
export type Scalar = null | boolean | number | bigint | string | Uint8Array | readonly Scalar[];
