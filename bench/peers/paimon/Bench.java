// A turn of Apache Paimon on the JVM: java … Bench '{"job": …}' (bench/turns/job.ts).

import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Collections;
import java.util.List;
import org.apache.paimon.data.InternalRow;
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
            case "runs":
                writeRuns(job);
                break;
            case "compact":
                compact(job, passes);
                break;
            case "read":
                read(job, passes);
                break;
            default:
                throw new IllegalArgumentException("no job " + job);
        }
        passes.tell();
    }

    private static void write(JsonNode job, BenchPasses passes) throws Exception {
        int count = job.get("rows").asInt();
        int commits = job.get("commits").asInt();
        BenchRows rows = BenchRows.base(0, count, count);
        for (JsonNode name : job.get("tables")) {
            FileStoreTable table = BenchTable.create(warehouse(job), name.asText(), job.get("options"));
            passes.time(answer -> {
                try (BenchTable.Writer writer = new BenchTable.Writer(table)) {
                    for (int row = 0; row < count; row++) {
                        writer.add(rows.row(row));
                        if ((row + 1) % (count / commits) == 0) {
                            writer.commit();
                        }
                    }
                }
                answer.rowCount = count;
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
        FileStoreTable table = BenchTable.open(warehouse(job), table(job))
                .copy(Collections.singletonMap("write-only", "false"));
        passes.time(answer -> {
            try (BenchTable.Writer writer = new BenchTable.Writer(table)) {
                writer.compactFully();
                writer.commit();
            }
        });
    }

    private static void read(JsonNode job, BenchPasses passes) throws Exception {
        FileStoreTable table = BenchTable.open(warehouse(job), table(job));
        List<InternalRow.FieldGetter> getters = BenchSum.gettersOf(table.rowType());
        for (int pass = 0; pass < job.get("passes").asInt(); pass++) {
            passes.time(answer -> BenchTable.read(table, null, row -> answer.add(row, getters)));
        }
    }

    private static String warehouse(JsonNode job) {
        return job.get("warehouse").asText();
    }

    private static String table(JsonNode job) {
        return job.get("table").asText();
    }
}
