"""pypaimon as reader and writer of tables, for test/interop/pypaimon.ts.

Requests are lines of JSON on stdin, answered in order: `{"op": "rows", "warehouse": W, "table": "db.t"}` and
`{"op": "append", …, "rows": [canonical row, …]}`. An answer is one line: `{"ok": [canonical row, …]}` or
`{"error": "Type: message"}`. Canonical JSON is described in test/golden/README.md.
"""

import json
import math
import struct
import sys
import warnings

warnings.filterwarnings("ignore")

import pyarrow as pa  # noqa: E402
from pypaimon import CatalogFactory  # noqa: E402


def text(value):
    """JSON without blanks, other scripts as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def fraction(nanos, precision):
    return "" if precision == 0 else "." + f"{nanos:09d}"[:precision]


def timestamp(value, kind):
    """`value` counts the type's unit since 1970."""
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
    precision = {"s": 0, "ms": 3, "us": 6, "ns": 9}[kind.unit]
    seconds, rest = divmod(value, per_second)
    days, second = divmod(seconds, 86400)
    nanos = rest * (10**9 // per_second)
    year, month, day = civil(days)
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    zone = "" if kind.tz is None else "Z"
    return f"{year:04d}-{month:02d}-{day:02d}T{clock}{fraction(nanos, precision)}{zone}"


def civil(days):
    """Year, month and day of a number of days since 1970, in any era."""
    shifted = days + 719468
    era, of_era = divmod(shifted, 146097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * month_shifted + 2) // 5 + 1
    month = month_shifted + 3 if month_shifted < 10 else month_shifted - 9
    return year_of_era + era * 400 + (1 if month <= 2 else 0), month, day


def number(value):
    if math.isnan(value):
        return '"NaN"'
    if math.isinf(value):
        return '"Infinity"' if value > 0 else '"-Infinity"'
    if value == 0:
        return "-0.0" if struct.pack(">d", value)[0] else "0"
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    shown = repr(value)
    if "e" not in shown:
        return shown
    digits, exponent = shown.split("e")
    power = int(exponent)
    # JavaScript writes numbers down to 1e-6 without an exponent.
    if -7 < power < 0:
        sign, bare = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
        return f"{sign}0.{'0' * (-power - 1)}{bare.replace('.', '')}"
    return f"{digits.removesuffix('.0')}e{'+' if power > 0 else ''}{power}"


def canonical(scalar, kind):
    """The canonical text of an Arrow scalar."""
    if not scalar.is_valid:
        return "null"
    if pa.types.is_dictionary(kind):
        return canonical(scalar.value, kind.value_type)
    if pa.types.is_boolean(kind) or pa.types.is_int8(kind) or pa.types.is_int16(kind) or pa.types.is_int32(kind):
        return text(scalar.as_py())
    if pa.types.is_int64(kind):
        return f'"{scalar.as_py()}"'
    if pa.types.is_decimal(kind):
        return f'"{scalar.as_py():f}"'
    if pa.types.is_floating(kind):
        return number(scalar.as_py())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return text(scalar.as_py())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return f'"{scalar.as_py().hex()}"'
    if pa.types.is_date32(kind):
        return '"%04d-%02d-%02d"' % civil(scalar.value)
    if pa.types.is_time(kind):
        per_milli = {"s": None, "ms": 1, "us": 10**3, "ns": 10**6}[kind.unit]
        milli = scalar.value * 1000 if per_milli is None else scalar.value // per_milli
        return f'"{milli // 3600000:02d}:{milli // 60000 % 60:02d}:{milli // 1000 % 60:02d}.{milli % 1000:03d}"'
    if pa.types.is_timestamp(kind):
        return f'"{timestamp(scalar.value, kind)}"'
    if pa.types.is_map(kind):
        pairs = [
            (canonical(entry["key"], kind.key_type), canonical(entry["value"], kind.item_type))
            for entry in scalar.values
        ]
        return "[" + ",".join(f"[{key},{value}]" for key, value in sorted(pairs)) + "]"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return "[" + ",".join(canonical(item, kind.value_type) for item in scalar.values) + "]"
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return "{" + ",".join(f"{text(field.name)}:{canonical(scalar[field.name], field.type)}" for field in fields) + "}"
    raise TypeError(f"no canonical form of {kind}")


def table_of(request):
    catalog = CatalogFactory.create({"warehouse": request["warehouse"]})
    return catalog.get_table(request["table"])


def rows(request):
    builder = table_of(request).new_read_builder()
    arrow = builder.new_read().to_arrow(builder.new_scan().plan().splits())
    if arrow is None:
        return []
    lines = []
    for batch in arrow.to_batches():
        for row in range(batch.num_rows):
            cells = [
                f"{text(field.name)}:{canonical(batch.column(index)[row], field.type)}"
                for index, field in enumerate(batch.schema)
            ]
            lines.append("{" + ",".join(cells) + "}")
    return sorted(lines, key=lambda line: line.encode())


def append(request):
    """Rows of flat types only: whole numbers as JSON numbers, the rest as texts."""
    from pypaimon.schema.data_types import PyarrowFieldParser

    table = table_of(request)
    schema = PyarrowFieldParser.from_paimon_schema(table.table_schema.fields)
    builder = table.new_batch_write_builder()
    write, commit = builder.new_write(), builder.new_commit()
    try:
        write.write_arrow(pa.Table.from_pylist(request["rows"], schema=schema))
        commit.commit(write.prepare_commit())
    finally:
        write.close()
        commit.close()
    return []


def main():
    operations = {"rows": rows, "append": append}
    # Libraries print what they like on stdout.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": operations[request["op"]](request)}
        except Exception as error:  # noqa: BLE001 whatever it throws is the answer
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


main()
