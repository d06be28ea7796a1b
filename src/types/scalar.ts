/**
 * One value of a column, outside the columns: keys, partition values, literals of predicates, minima and maxima.
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
 */
export type Scalar = null | boolean | number | bigint | string | Uint8Array;
