// Writes rows of a table whose keys may move between partitions (bucket = -1, and a primary key without all partition keys),
// as the one assigner of a Flink job does: the keys of the table are read first, then each row goes to where it belongs.

import org.apache.paimon.crosspartition.GlobalIndexAssigner;
import org.apache.paimon.crosspartition.IndexBootstrap;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.disk.IOManager;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.sink.StreamTableWrite;

final class PaimonCrossPartition implements PaimonBuckets.RowWriter {
    private final FileStoreTable table;
    private final IOManager disk = IOManager.create(System.getProperty("java.io.tmpdir"));
    private GlobalIndexAssigner assigner;

    PaimonCrossPartition(FileStoreTable table) {
        this.table = table;
    }

    @Override
    public void write(StreamTableWrite write, InternalRow row) throws Exception {
        if (assigner == null) {
            assigner = new GlobalIndexAssigner(table);
            assigner.open(0, disk, 1, 0, (placed, bucket) -> put(write, placed, bucket));
            new IndexBootstrap(table).bootstrap(1, 0, this::remember);
            assigner.endBoostrap(false);
        }
        assigner.processInput(row);
    }

    private void remember(InternalRow key) {
        try {
            assigner.bootstrapKey(key);
        } catch (Exception failure) {
            throw new IllegalStateException(failure);
        }
    }

    private static void put(StreamTableWrite write, InternalRow row, int bucket) {
        try {
            write.write(row, bucket);
        } catch (Exception failure) {
            throw new IllegalStateException(failure);
        }
    }

    @Override
    public void close() throws Exception {
        if (assigner != null) {
            assigner.close();
        }
        disk.close();
    }
}
