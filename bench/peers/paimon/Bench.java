// A turn of Apache Paimon on the JVM: java … Bench '{"job": …}' (bench/turns/job.ts).

import java.util.Collections;
import java.util.List;
import org.apache.paimon.data.BinaryString;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.predicate.Predicate;
import org.apache.paimon.predicate.PredicateBuilder;
import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.paimon.table.FileStoreTable;

public final class Bench {
    private Bench() {}

    public static void main(String[] arguments) throws Exception {
        JsonNode job = new ObjectMapper().readTree(arguments[0]);
        BenchPasses passes = new BenchPasses();
        switch (job.get("job").asText()) {
            case "write":
                write(job, passes);
                break;
            case "write-lines":
                writeLines(job, passes);
                break;
            case "runs":
                writeRuns(job);
                break;
            case "compact":
                compact(job, passes);
                break;
            case "read":
                read(job, passes);
                break;
            case "commits":
                commits(job, passes);
                break;
            case "lookup":
                lookup(job, passes);
                break;
            default:
                throw new IllegalArgumentException("no job " + job);
        }
        passes.tell();
    }

    private static void write(JsonNode job, BenchPasses passes) throws Exception {
        int count = job.get("rows").asInt();
        BenchRows rows = BenchRows.base(0, count, count);
        for (JsonNode name : job.get("tables")) {
            FileStoreTable table = BenchTable.create(warehouse(job), name.asText(), job.get("options"));
            passes.time(answer -> {
                try (BenchTable.Writer writer = new BenchTable.Writer(table)) {
                    writer.add(rows);
                    writer.commit();
                }
                answer.rowCount = count;
            });
        }
    }

    private static void writeLines(JsonNode job, BenchPasses passes) throws Exception {
        for (JsonNode name : job.get("tables")) {
            FileStoreTable table = BenchTable.create(warehouse(job), name.asText(), job.get("options"));
            passes.time(answer -> {
                try (BenchTable.Writer writer = new BenchTable.Writer(table)) {
                    answer.rowCount = new BenchLines().read(job.get("input").asText(), writer::add);
                    writer.commit();
                }
            });
        }
    }

    /** The table of 11 runs. */
    private static void writeRuns(JsonNode job) throws Exception {
        FileStoreTable table = BenchTable.create(warehouse(job), table(job), job.get("options"));
        int count = job.get("rows").asInt();
        try (BenchTable.Writer writer = new BenchTable.Writer(table)) {
            writer.add(BenchRows.base(0, count, count));
            writer.commit();
            for (int run = 0; run < BenchRows.UPDATE_RUNS; run++) {
                writer.add(BenchRows.updates(run));
                writer.commit();
            }
        }
    }

    private static void compact(JsonNode job, BenchPasses passes) throws Exception {
        passes.time(answer -> {
            FileStoreTable table = BenchTable.open(warehouse(job), table(job))
                    .copy(Collections.singletonMap("write-only", "false"));
            try (BenchTable.Writer writer = new BenchTable.Writer(table)) {
                writer.compactFully();
                writer.commit();
            }
        });
    }

    private static void read(JsonNode job, BenchPasses passes) throws Exception {
        FileStoreTable table = BenchTable.open(warehouse(job), table(job));
        List<InternalRow.FieldGetter> getters = BenchSum.gettersOf(table.rowType());
        Predicate filter = filter(table, job.get("filter"));
        for (int pass = 0; pass < job.get("passes").asInt(); pass++) {
            passes.time(answer -> BenchTable.read(table, filter, row -> answer.add(row, getters)));
        }
    }

    private static Predicate filter(FileStoreTable table, JsonNode filter) {
        if (filter == null) {
            return null;
        }
        PredicateBuilder predicates = new PredicateBuilder(table.rowType());
        if (filter.get("kind").asText().equals("ids")) {
            int id = predicates.indexOf("id");
            return predicates.between(id, filter.get("first").asLong(), filter.get("last").asLong());
        }
        return predicates.equal(predicates.indexOf("s2"), BinaryString.fromString(filter.get("value").asText()));
    }

    private static void commits(JsonNode job, BenchPasses passes) throws Exception {
        int count = job.get("count").asInt();
        FileStoreTable table = BenchTable.create(warehouse(job), table(job), job.get("options"));
        BenchRows rows = BenchRows.base(0, count, 1_000_000);
        BenchTimes times = new BenchTimes(count);
        double[] cpuMs = {0};
        passes.time(answer -> {
            double cpuBefore = BenchPasses.cpuMs();
            try (BenchTable.Writer writer = new BenchTable.Writer(table)) {
                for (int row = 0; row < count; row++) {
                    InternalRow one = rows.row(row);
                    times.time(() -> {
                        writer.add(one);
                        writer.commit();
                    });
                }
            }
            cpuMs[0] = BenchPasses.cpuMs() - cpuBefore;
            answer.rowCount = count;
        });
        passes.figure("commitP50Ms", times.quantile(0.5, 0));
        passes.figure("commitP95Ms", times.quantile(0.95, 0));
        passes.figure("commitCpuMs", cpuMs[0] / count);
    }

    /** By a scan with a filter, which is what a batch reader has for it. */
    private static void lookup(JsonNode job, BenchPasses passes) throws Exception {
        FileStoreTable table = BenchTable.open(warehouse(job), table(job));
        List<InternalRow.FieldGetter> getters = BenchSum.gettersOf(table.rowType());
        PredicateBuilder predicates = new PredicateBuilder(table.rowType());
        BenchTimes times = new BenchTimes(job.get("ids").size());
        passes.time(answer -> {
            for (JsonNode id : job.get("ids")) {
                Predicate filter = predicates.equal(predicates.indexOf("id"), id.asLong());
                times.time(() -> BenchTable.read(table, filter, row -> answer.add(row, getters)));
            }
        });
        int warmUps = job.get("warmUps").asInt();
        passes.figure("lookupFirstMs", times.first());
        passes.figure("lookupP50Ms", times.quantile(0.5, warmUps));
        passes.figure("lookupP95Ms", times.quantile(0.95, warmUps));
    }

    private static String warehouse(JsonNode job) {
        return job.get("warehouse").asText();
    }

    private static String table(JsonNode job) {
        return job.get("table").asText();
    }
}
