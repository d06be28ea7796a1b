"""A turn of pypaimon: python3 pypaimon_turn.py '{"job": "read", …}'."""

import warnings

warnings.filterwarnings("ignore")

from pypaimon import CatalogFactory  # noqa: E402

import passes  # noqa: E402


def predicate(builder, job):
    chosen = job.get("filter")
    if chosen is None:
        return None
    predicates = builder.new_predicate_builder()
    if chosen["kind"] == "ids":
        return predicates.between("id", chosen["first"], chosen["last"])
    return predicates.equal("s2", chosen["value"])


def main():
    job = passes.job()
    catalog = CatalogFactory.create({"warehouse": job["warehouse"]})
    table = catalog.get_table(f"bench.{job['table']}")

    def read():
        builder = table.new_read_builder()
        chosen = predicate(builder, job)
        if chosen is not None:
            builder = builder.with_filter(chosen)
        splits = builder.new_scan().plan().splits()
        return builder.new_read().to_arrow(splits)

    passes.run(read, job["passes"])


main()
