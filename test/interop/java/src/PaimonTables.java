// What the interop tests ask of Apache Paimon: read, follow, append, compact and create tables of one warehouse.

import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.paimon.Snapshot;
import org.apache.paimon.catalog.Catalog;
import org.apache.paimon.catalog.CatalogContext;
import org.apache.paimon.catalog.CatalogFactory;
import org.apache.paimon.catalog.Identifier;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.disk.IOManager;
import org.apache.paimon.manifest.ManifestEntry;
import org.apache.paimon.options.Options;
import org.apache.paimon.predicate.Predicate;
import org.apache.paimon.predicate.PredicateBuilder;
import org.apache.paimon.reader.RecordReader;
import org.apache.paimon.schema.Schema;
import org.apache.paimon.schema.TableSchema;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.Table;
import org.apache.paimon.table.sink.StreamTableCommit;
import org.apache.paimon.table.sink.StreamTableWrite;
import org.apache.paimon.table.sink.StreamWriteBuilder;
import org.apache.paimon.table.source.ReadBuilder;
import org.apache.paimon.table.source.Split;
import org.apache.paimon.table.source.StreamTableScan;
import org.apache.paimon.table.source.TableRead;
import org.apache.paimon.types.DataField;
import org.apache.paimon.types.RowType;

final class PaimonTables implements AutoCloseable {
    private static final String COMMIT_USER = "paimon-harness";

    private final Catalog catalog;

    PaimonTables(String warehouse) {
        Options options = new Options();
        options.set("warehouse", warehouse);
        options.set("metastore", "filesystem");
        // Other programs write these tables too: nothing may be remembered between two requests.
        options.set("cache-enabled", "false");
        catalog = CatalogFactory.createCatalog(CatalogContext.create(options));
    }

    @Override
    public void close() throws Exception {
        catalog.close();
    }

    void create(Identifier table, String schemaJson) throws Exception {
        catalog.createDatabase(table.getDatabaseName(), true);
        TableSchema schema = TableSchema.fromJson(schemaJson);
        catalog.createTable(
                table,
                new Schema(
                        schema.fields(),
                        schema.partitionKeys(),
                        schema.primaryKeys(),
                        schema.options(),
                        schema.comment()),
                false);
    }

    /** All rows in byte order; the options say of which snapshot or tag. System tables are read too. */
    List<String> rows(Identifier name, Map<String, String> options) throws Exception {
        Table table = catalog.getTable(name).copy(options);
        ReadBuilder builder = table.newReadBuilder();
        RowPrinter printer = new RowPrinter(builder.readType());
        List<String> rows = new ArrayList<>();
        read(builder, builder.newScan().plan().splits(), row -> rows.add(printer.print(row)));
        return Lines.sorted(rows);
    }

    /** The columns in their order, each as `name TYPE`. */
    List<String> columns(Identifier name) throws Exception {
        List<String> columns = new ArrayList<>();
        for (DataField field : catalog.getTable(name).rowType().getFields()) {
            columns.add(field.name() + " " + field.type().asSQLString());
        }
        return columns;
    }

    /** The rows that Paimon reads for a filter and leaves to its caller to filter: what statistics and indexes did not rule out. */
    List<String> candidates(Identifier name, String column, String operator, JsonNode literal) throws Exception {
        FileStoreTable table = fileStoreTable(name, Map.of());
        PredicateBuilder predicates = new PredicateBuilder(table.rowType());
        int index = predicates.indexOf(column);
        Object value = RowParser.parse(literal, table.rowType().getTypeAt(index));
        ReadBuilder builder = table.newReadBuilder().withFilter(predicate(predicates, index, operator, value));
        RowPrinter printer = new RowPrinter(builder.readType());
        List<String> rows = new ArrayList<>();
        read(builder, builder.newScan().plan().splits(), row -> rows.add(printer.print(row)));
        return Lines.sorted(rows);
    }

    private static Predicate predicate(PredicateBuilder predicates, int index, String operator, Object value) {
        switch (operator) {
            case "=":
                return predicates.equal(index, value);
            case "<>":
                return predicates.notEqual(index, value);
            case "<":
                return predicates.lessThan(index, value);
            case "<=":
                return predicates.lessOrEqual(index, value);
            case ">":
                return predicates.greaterThan(index, value);
            case ">=":
                return predicates.greaterOrEqual(index, value);
            case "is-null":
                return predicates.isNull(index);
            case "is-not-null":
                return predicates.isNotNull(index);
            default:
                throw new IllegalArgumentException("no operator: " + operator);
        }
    }

    /** What a streaming read gives for each snapshot from `first` to `last`, in the latest schema: lines of snapshot, tab, row kind and row. */
    List<String> changes(Identifier name, long first, long last) throws Exception {
        // Not by `scan.snapshot-id`, which would read with the schema of that snapshot.
        ReadBuilder builder = fileStoreTable(name, Map.of()).newReadBuilder();
        RowPrinter printer = new RowPrinter(builder.readType());
        StreamTableScan scan = builder.newStreamScan();
        scan.restore(first);
        List<String> all = new ArrayList<>();
        while (true) {
            long before = scan.checkpoint();
            List<Split> splits = before > last ? List.of() : scan.plan().splits();
            long after = scan.checkpoint();
            if (after == before || after - 1 > last) {
                return all;
            }
            List<String> lines = new ArrayList<>();
            read(builder, splits, row -> lines.add(row.getRowKind().shortString() + " " + printer.print(row)));
            for (String line : Lines.sorted(lines)) {
                all.add(after - 1 + "\t" + line);
            }
        }
    }

    /** Every snapshot file, oldest first, each on a line. */
    List<String> snapshots(Identifier name) throws Exception {
        List<String> lines = new ArrayList<>();
        Iterator<Snapshot> snapshots = fileStoreTable(name, Map.of()).snapshotManager().snapshots();
        while (snapshots.hasNext()) {
            lines.add(snapshots.next().toJson().replaceAll("\\s*\\n\\s*", ""));
        }
        return lines;
    }

    /**
     * One commit of these changes.
     *
     * @param compaction whether Paimon may compact as it writes; what it starts is waited for
     * @return the id of the latest snapshot afterwards
     */
    long append(Identifier name, List<String> changes, boolean compaction) throws Exception {
        FileStoreTable table = fileStoreTable(name, Map.of("write-only", Boolean.toString(!compaction)));
        RowParser parser = new RowParser(table.rowType());
        try (PaimonBuckets buckets = new PaimonBuckets(table, COMMIT_USER)) {
            return commit(table, write -> {
                for (String change : changes) {
                    buckets.write(write, parser.parseChange(change));
                }
            });
        }
    }

    /** One commit of a full compaction of every bucket; returns the id of the latest snapshot afterwards. */
    long compactFully(Identifier name) throws Exception {
        FileStoreTable table = fileStoreTable(name, Map.of("write-only", "false"));
        return commit(table, write -> {
            // Of a table whose readers pass level 0 over, too: the manifest entries have every bucket.
            Set<List<Object>> seen = new HashSet<>();
            for (ManifestEntry entry : table.store().newScan().plan().files()) {
                if (seen.add(List.of(entry.partition(), entry.bucket()))) {
                    write.compact(entry.partition(), entry.bucket(), true);
                }
            }
        });
    }

    /** Deletes rows of an append table by their position in their file; returns the id of the latest snapshot afterwards. */
    long deleteRows(Identifier name, int modulus, int remainder) throws Exception {
        // Older versions have other classes for it, and are not asked.
        return (Long) Class.forName("PaimonDeletes")
                .getDeclaredMethod("deleteRows", FileStoreTable.class, int.class, int.class)
                .invoke(null, fileStoreTable(name, Map.of()), modulus, remainder);
    }

    /** What incremental clustering of a partition, or of all, would take up next: lines of a level and names of files. */
    @SuppressWarnings("unchecked")
    List<String> clusterUnits(Identifier name, boolean full, Map<String, String> partition) throws Exception {
        return (List<String>) Class.forName("PaimonClustering")
                .getDeclaredMethod("units", FileStoreTable.class, boolean.class, Map.class)
                .invoke(null, fileStoreTable(name, Map.of()), full, partition);
    }

    /** Expires snapshots and changelogs: by the table's options and these, or every changelog. */
    @SuppressWarnings("unchecked")
    List<String> expire(Identifier name, Map<String, String> options, boolean allChangelogs) throws Exception {
        // As above.
        return (List<String>) Class.forName("PaimonExpiry")
                .getDeclaredMethod(allChangelogs ? "expireAllChangelogs" : "expire", FileStoreTable.class)
                .invoke(null, fileStoreTable(name, options));
    }

    /** What engines end a batch with: `tag`, or `markDone` of a partition. */
    @SuppressWarnings("unchecked")
    List<String> endBatch(Identifier name, String step, String partition) throws Exception {
        // As above.
        return (List<String>) Class.forName("PaimonBatches")
                .getDeclaredMethod(step, FileStoreTable.class, String.class)
                .invoke(null, fileStoreTable(name, Map.of()), partition);
    }

    /** Sets of 64-bit numbers, as `PaimonBitmaps` has them. */
    @SuppressWarnings("unchecked")
    static List<String> bitmaps(List<String> lines) throws Exception {
        return (List<String>) Class.forName("PaimonBitmaps")
                .getDeclaredMethod("sets", List.class)
                .invoke(null, lines);
    }

    /** Keys of the changes along a space-filling curve over columns of the table. */
    @SuppressWarnings("unchecked")
    List<String> curveKeys(Identifier name, String strategy, List<String> columns, List<String> changes)
            throws Exception {
        return (List<String>) Class.forName("PaimonCurves")
                .getDeclaredMethod("keys", RowType.class, String.class, List.class, List.class)
                .invoke(null, fileStoreTable(name, Map.of()).rowType(), strategy, columns, changes);
    }

    /** Compacts an append table without buckets, small as its files may be; returns the id of the latest snapshot afterwards. */
    long compactAppend(Identifier name) throws Exception {
        // As above.
        return (Long) Class.forName("PaimonCompactions")
                .getDeclaredMethod("compactAppend", FileStoreTable.class)
                .invoke(null, fileStoreTable(name, Map.of("compaction.min.file-num", "2")));
    }

    /** Brings postponed rows into so many real buckets; returns the id of the latest snapshot afterwards. */
    long compactPostponed(Identifier name, int bucketCount) throws Exception {
        // As above.
        return (Long) Class.forName("PaimonPostponed")
                .getDeclaredMethod("compact", FileStoreTable.class, int.class)
                .invoke(null, fileStoreTable(name, Map.of()), bucketCount);
    }

    private FileStoreTable fileStoreTable(Identifier name, Map<String, String> options) throws Exception {
        return (FileStoreTable) catalog.getTable(name).copy(options);
    }

    private interface WriteAction {
        void run(StreamTableWrite write) throws Exception;
    }

    private static long commit(FileStoreTable table, WriteAction action) throws Exception {
        StreamWriteBuilder builder = table.newStreamWriteBuilder().withCommitUser(COMMIT_USER);
        Optional<Snapshot> ours = table.snapshotManager().latestSnapshotOfUser(COMMIT_USER);
        long identifier = ours.map(Snapshot::commitIdentifier).orElse(0L) + 1;
        try (IOManager disk = temporaryDisk();
                StreamTableWrite write = builder.newWrite();
                StreamTableCommit commit = builder.newCommit()) {
            write.withIOManager(disk);
            action.run(write);
            commit.commit(identifier, write.prepareCommit(true, identifier));
        }
        return table.snapshotManager().latestSnapshotId();
    }

    private interface RowSink {
        void accept(InternalRow row);
    }

    private static void read(ReadBuilder builder, List<Split> splits, RowSink sink) throws Exception {
        try (IOManager disk = temporaryDisk()) {
            TableRead read = builder.newRead().withIOManager(disk);
            for (Split split : splits) {
                try (RecordReader<InternalRow> reader = read.createReader(split)) {
                    reader.forEachRemaining(sink::accept);
                }
            }
        }
    }

    private static IOManager temporaryDisk() {
        return IOManager.create(System.getProperty("java.io.tmpdir"));
    }
}
