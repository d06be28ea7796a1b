// A table of the work as Paimon has it: made, opened, written with one writer, read row by row.

import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.JsonNode;
import java.io.File;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.paimon.catalog.Catalog;
import org.apache.paimon.catalog.CatalogContext;
import org.apache.paimon.catalog.CatalogFactory;
import org.apache.paimon.catalog.Identifier;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.disk.IOManager;
import org.apache.paimon.manifest.ManifestEntry;
import org.apache.paimon.options.Options;
import org.apache.paimon.predicate.Predicate;
import org.apache.paimon.reader.RecordReader;
import org.apache.paimon.schema.Schema;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.sink.TableCommitImpl;
import org.apache.paimon.table.sink.TableWriteImpl;
import org.apache.paimon.table.source.ReadBuilder;
import org.apache.paimon.table.source.Split;
import org.apache.paimon.types.DataTypes;

final class BenchTable {
    private static final String DATABASE = "bench";

    private BenchTable() {}

    static Catalog catalog(String warehouse) {
        Options options = new Options();
        options.set("warehouse", "file://" + new File(warehouse).getAbsolutePath());
        options.set("metastore", "filesystem");
        options.set("cache-enabled", "false");
        return CatalogFactory.createCatalog(CatalogContext.create(options));
    }

    static FileStoreTable open(String warehouse, String name) throws Exception {
        return (FileStoreTable) catalog(warehouse).getTable(Identifier.create(DATABASE, name));
    }

    static FileStoreTable create(String warehouse, String name, JsonNode options) throws Exception {
        Schema.Builder schema = Schema.newBuilder().column("id", DataTypes.BIGINT().notNull());
        for (String column : List.of("b1", "b2", "b3")) {
            schema.column(column, DataTypes.BIGINT());
        }
        for (String column : List.of("s1", "s2", "s3")) {
            schema.column(column, DataTypes.STRING());
        }
        schema.column("d1", DataTypes.DOUBLE()).column("d2", DataTypes.DOUBLE()).column("ts", DataTypes.TIMESTAMP(3));
        schema.primaryKey("id")
                .option("bucket", "1")
                .option("file.format", "parquet")
                .option("snapshot.num-retained.min", "5000")
                .option("snapshot.num-retained.max", "5000");
        for (Iterator<Map.Entry<String, JsonNode>> given = options.fields(); given.hasNext(); ) {
            Map.Entry<String, JsonNode> option = given.next();
            schema.option(option.getKey(), option.getValue().asText());
        }
        Catalog catalog = catalog(warehouse);
        catalog.createDatabase(DATABASE, true);
        catalog.createTable(Identifier.create(DATABASE, name), schema.build(), false);
        return (FileStoreTable) catalog.getTable(Identifier.create(DATABASE, name));
    }

    static IOManager ioManager() {
        return IOManager.create(System.getProperty("java.io.tmpdir"));
    }

    /** One writer and its commits. */
    static final class Writer implements AutoCloseable {
        private static final String USER = "bench";

        private final FileStoreTable table;
        private final TableWriteImpl<?> write;
        private final IOManager ioManager = ioManager();
        private final TableCommitImpl commit;
        private long commitIdentifier = 1;

        Writer(FileStoreTable table) throws Exception {
            this.table = table;
            write = table.newWrite(USER);
            write.withIOManager(ioManager);
            commit = table.newCommit(USER);
        }

        void add(InternalRow row) throws Exception {
            write.write(row);
        }

        void add(BenchRows rows) throws Exception {
            for (int row = 0; row < rows.count; row++) {
                write.write(rows.row(row));
            }
        }

        /** Asks for a full compaction of every bucket, which the next commit waits for. */
        void compactFully() throws Exception {
            Set<List<Object>> seen = new HashSet<>();
            for (ManifestEntry entry : table.store().newScan().plan().files()) {
                if (seen.add(List.of(entry.partition(), entry.bucket()))) {
                    write.compact(entry.partition(), entry.bucket(), true);
                }
            }
        }

        void commit() throws Exception {
            long identifier = commitIdentifier++;
            commit.commit(identifier, write.prepareCommit(true, identifier));
        }

        @Override
        public void close() throws Exception {
            commit.close();
            write.close();
            ioManager.close();
        }
    }

    /** All rows that pass the filter, or all; the rows that are given may be used again for the next ones. */
    static void read(FileStoreTable table, Predicate filter, Consumer<InternalRow> consumer) throws Exception {
        ReadBuilder builder = table.newReadBuilder();
        if (filter != null) {
            builder = builder.withFilter(filter);
        }
        List<Split> splits = builder.newScan().plan().splits();
        try (IOManager ioManager = ioManager()) {
            var read = builder.newRead().withIOManager(ioManager);
            if (filter != null) {
                read = read.executeFilter();
            }
            for (Split split : splits) {
                try (RecordReader<InternalRow> reader = read.createReader(split)) {
                    reader.forEachRemaining(consumer);
                }
            }
        }
    }
}
