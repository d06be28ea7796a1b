// Gives rows of a table with dynamic buckets theirs, as the one assigner of a Flink job does; other tables know by themselves.

import org.apache.paimon.CoreOptions;
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

    PaimonBuckets(FileStoreTable table, String commitUser) {
        boolean isDynamic = table.bucketMode() == BucketMode.HASH_DYNAMIC;
        CoreOptions options = table.coreOptions();
        assigner = !isDynamic
                ? null
                : new HashBucketAssigner(
                        table.snapshotManager(),
                        commitUser,
                        table.store().newIndexFileHandler(),
                        1,
                        1,
                        0,
                        options.dynamicBucketTargetRowNum(),
                        options.dynamicBucketMaxBuckets());
        keys = isDynamic ? new RowPartitionKeyExtractor(table.schema()) : null;
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
