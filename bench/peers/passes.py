"""What a turn in Python tells (bench/turns/passes.ts), and its check sum (bench/workload/check-sum.ts)."""

import json
import sys
import time

import pyarrow as pa
import pyarrow.compute as pc


def check_sum(table):
    """Of an Arrow table: whole numbers, doubles cut to whole numbers, bytes of texts, milliseconds of times."""
    total = 0
    for column in table.columns:
        kind = column.type
        if pa.types.is_timestamp(kind):
            millis = column.cast(pa.timestamp("ms")).cast(pa.int64())
            seconds = pc.multiply(pc.divide(millis, 1000), 1000)
            column = pc.subtract(millis, seconds)
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
            column = pc.binary_length(column)
        elif pa.types.is_floating(kind):
            column = pc.trunc(column)
        total += int(pc.sum(column).as_py() or 0)
    return total


def run(read, count):
    """Times `read`, which gives an Arrow table, and tells."""
    passes = []
    for _ in range(count):
        cpu_before = time.process_time()
        start = time.perf_counter()
        table = read()
        answer = check_sum(table)
        wall = time.perf_counter() - start
        cpu = time.process_time()
        passes.append(
            {
                "wallMs": wall * 1e3,
                "cpuMs": (cpu - cpu_before) * 1e3,
                "endMs": time.time() * 1e3,
                "cpuSinceStartMs": cpu * 1e3,
                "rowCount": table.num_rows,
                "sum": str(answer),
            }
        )
        del table
    print(json.dumps({"passes": passes}, separators=(",", ":")), flush=True)
    sys.stdin.read()


def job():
    return json.loads(sys.argv[1])
