// Writes rows into the buckets they belong into: of a table with dynamic buckets as the one assigner of a Flink job does;
// other tables know by themselves.

import java.lang.reflect.Constructor;
import java.util.ArrayList;
import java.util.List;
import org.apache.paimon.data.BinaryRow;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.index.HashBucketAssigner;
import org.apache.paimon.table.BucketMode;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.sink.RowPartitionKeyExtractor;
import org.apache.paimon.table.sink.StreamTableWrite;

final class PaimonBuckets implements AutoCloseable {
    interface RowWriter extends AutoCloseable {
        void write(StreamTableWrite write, InternalRow row) throws Exception;
    }

    private final HashBucketAssigner assigner;
    private final RowPartitionKeyExtractor keys;
    private final RowWriter crossing;

    PaimonBuckets(FileStoreTable table, String commitUser) throws ReflectiveOperationException {
        boolean isDynamic = table.bucketMode() == BucketMode.HASH_DYNAMIC;
        assigner = isDynamic ? assignerOf(table, commitUser) : null;
        keys = isDynamic ? new RowPartitionKeyExtractor(table.schema()) : null;
        boolean isCrossing = table.coreOptions().bucket() == -1 && table.schema().crossPartitionUpdate();
        crossing = isCrossing ? crossingOf(table) : null;
    }

    // Older versions have other classes for it, and are not asked.
    private static RowWriter crossingOf(FileStoreTable table) throws ReflectiveOperationException {
        return (RowWriter) Class.forName("PaimonCrossPartition")
                .getDeclaredConstructor(FileStoreTable.class)
                .newInstance(table);
    }

    // By reflection: Paimon 0.9 does not know of a bound on the buckets, and the same source is built against it.
    private static HashBucketAssigner assignerOf(FileStoreTable table, String commitUser)
            throws ReflectiveOperationException {
        List<Object> arguments = new ArrayList<>();
        arguments.add(table.snapshotManager());
        arguments.add(commitUser);
        arguments.add(table.store().newIndexFileHandler());
        arguments.addAll(List.of(1, 1, 0));
        arguments.add(table.coreOptions().dynamicBucketTargetRowNum());
        Constructor<?> constructor = HashBucketAssigner.class.getConstructors()[0];
        if (constructor.getParameterCount() > arguments.size()) {
            arguments.add(Integer.parseInt(table.options().getOrDefault("dynamic-bucket.max-buckets", "-1")));
        }
        return (HashBucketAssigner) constructor.newInstance(arguments.toArray());
    }

    void write(StreamTableWrite write, InternalRow row) throws Exception {
        if (crossing != null) {
            crossing.write(write, row);
            return;
        }
        if (assigner == null) {
            write.write(row);
            return;
        }
        BinaryRow partition = keys.partition(row).copy();
        write.write(row, assigner.assign(partition, keys.trimmedPrimaryKey(row).hashCode()));
    }

    @Override
    public void close() throws Exception {
        if (crossing != null) {
            crossing.close();
        }
    }
}
