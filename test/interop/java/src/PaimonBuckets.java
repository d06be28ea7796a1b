// Gives rows of a table with dynamic buckets theirs, as the one assigner of a Flink job does; other tables know by themselves.

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

final class PaimonBuckets {
    private final HashBucketAssigner assigner;
    private final RowPartitionKeyExtractor keys;

    PaimonBuckets(FileStoreTable table, String commitUser) throws ReflectiveOperationException {
        boolean isDynamic = table.bucketMode() == BucketMode.HASH_DYNAMIC;
        assigner = isDynamic ? assignerOf(table, commitUser) : null;
        keys = isDynamic ? new RowPartitionKeyExtractor(table.schema()) : null;
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
        if (assigner == null) {
            write.write(row);
            return;
        }
        BinaryRow partition = keys.partition(row).copy();
        write.write(row, assigner.assign(partition, keys.trimmedPrimaryKey(row).hashCode()));
    }
}
