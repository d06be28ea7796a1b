// Brings rows that were put off (bucket = -2) into real buckets, as Flink's compaction job does: the files of the postponed
// bucket are read one after the other, each row goes to the bucket of its key, and one commit swaps the ones for the others.

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.disk.IOManager;
import org.apache.paimon.io.CompactIncrement;
import org.apache.paimon.io.DataFileMeta;
import org.apache.paimon.io.DataIncrement;
import org.apache.paimon.reader.RecordReader;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.sink.CommitMessage;
import org.apache.paimon.table.sink.CommitMessageImpl;
import org.apache.paimon.table.sink.TableCommitImpl;
import org.apache.paimon.table.sink.TableWriteImpl;
import org.apache.paimon.table.source.DataSplit;
import org.apache.paimon.table.source.InnerTableRead;

final class PaimonPostponed {
    private static final String COMMIT_USER = "paimon-postponed";
    private static final int POSTPONED = -2;

    private PaimonPostponed() {}

    /** One partition after the other, each into as many buckets as it has, or is told where it has none yet. */
    static long compact(FileStoreTable table, int bucketCount) throws Exception {
        FileStoreTable real = table.copy(Map.of("bucket", Integer.toString(bucketCount), "write-only", "false"));
        List<CommitMessage> messages = new ArrayList<>();
        try (IOManager disk = IOManager.create(System.getProperty("java.io.tmpdir"));
                TableWriteImpl<?> write = real.newWrite(COMMIT_USER)) {
            write.withIOManager(disk);
            InnerTableRead read = table.newRead().forceKeepDelete();
            for (DataSplit split : table.newSnapshotReader().withBucket(POSTPONED).read().dataSplits()) {
                List<DataFileMeta> files = new ArrayList<>(split.dataFiles());
                files.sort(Comparator.comparing(DataFileMeta::creationTimeEpochMillis));
                for (DataFileMeta file : files) {
                    try (RecordReader<InternalRow> reader = read.createReader(alone(split, file))) {
                        reader.forEachRemaining(row -> append(write, row));
                    }
                }
                messages.add(removal(split));
            }
            for (CommitMessage message : write.prepareCommit(true, 1)) {
                messages.add(compaction((CommitMessageImpl) message));
            }
        }
        try (TableCommitImpl commit = real.newCommit(COMMIT_USER)) {
            commit.commit(messages);
        }
        return table.snapshotManager().latestSnapshotId();
    }

    private static DataSplit alone(DataSplit split, DataFileMeta file) {
        return DataSplit.builder()
                .withSnapshot(split.snapshotId())
                .withPartition(split.partition())
                .withBucket(split.bucket())
                .withBucketPath(split.bucketPath())
                .withTotalBuckets(split.totalBuckets())
                .withDataFiles(List.of(file))
                .isStreaming(false)
                .rawConvertible(false)
                .build();
    }

    private static void append(TableWriteImpl<?> write, InternalRow row) {
        try {
            write.write(row);
        } catch (Exception failure) {
            throw new IllegalStateException(failure);
        }
    }

    private static CommitMessage removal(DataSplit split) {
        CompactIncrement removed = new CompactIncrement(split.dataFiles(), List.of(), List.of());
        return new CommitMessageImpl(
                split.partition(), POSTPONED, POSTPONED, DataIncrement.emptyIncrement(), removed);
    }

    /** Its new files are what a compaction made: for readers of changes nothing new has come. */
    private static CommitMessage compaction(CommitMessageImpl message) {
        List<DataFileMeta> before = new ArrayList<>(message.compactIncrement().compactBefore());
        List<DataFileMeta> after = new ArrayList<>(message.newFilesIncrement().newFiles());
        after.addAll(message.compactIncrement().compactAfter());
        List<DataFileMeta> both = new ArrayList<>(after);
        both.retainAll(before);
        before.removeAll(both);
        after.removeAll(both);
        CompactIncrement made = new CompactIncrement(before, after, message.compactIncrement().changelogFiles());
        return new CommitMessageImpl(
                message.partition(), message.bucket(), message.totalBuckets(), DataIncrement.emptyIncrement(), made);
    }
}
