"""A turn of pyarrow on the bare data files of a compacted table: python3 pyarrow_turn.py '{"job": "read", …}'."""

import pyarrow.dataset as ds

import passes

COLUMNS = ["id", "b1", "b2", "b3", "s1", "s2", "s3", "d1", "d2", "ts"]


def condition(job):
    chosen = job.get("filter")
    if chosen is None:
        return None
    if chosen["kind"] == "ids":
        return (ds.field("id") >= chosen["first"]) & (ds.field("id") <= chosen["last"])
    return ds.field("s2") == chosen["value"]


def main():
    job = passes.job()
    chosen = condition(job)
    passes.run(lambda: ds.dataset(job["files"]).to_table(columns=COLUMNS, filter=chosen), job["passes"])


main()
