// Brings rows that were put off (bucket = -2) into real buckets, as Flink's compaction job does: the files of the postponed
// bucket are read one after the other, each row goes to the bucket of its key, and one commit swaps the ones for the others.

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.paimon.data.BinaryRow;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.disk.IOManager;
import org.apache.paimon.io.CompactIncrement;
import org.apache.paimon.io.DataFileMeta;
import org.apache.paimon.io.DataFilePathFactory;
import org.apache.paimon.io.DataIncrement;
import org.apache.paimon.postpone.BucketFiles;
import org.apache.paimon.reader.RecordReader;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.PostponeUtils;
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

    /** All that waits, into as many buckets as its partition has, or is told where it has none yet. */
    static long compact(FileStoreTable table, int bucketCount) throws Exception {
        Map<BinaryRow, Integer> known = PostponeUtils.getKnownNumBuckets(table);
        Map<Integer, List<DataSplit>> byCount = new TreeMap<>();
        for (DataSplit split : table.newSnapshotReader().withBucket(POSTPONED).read().dataSplits()) {
            int count = known.getOrDefault(split.partition(), bucketCount);
            byCount.computeIfAbsent(count, any -> new ArrayList<>()).add(split);
        }
        for (Map.Entry<Integer, List<DataSplit>> entry : byCount.entrySet()) {
            compact(table, entry.getValue(), entry.getKey());
        }
        return table.snapshotManager().latestSnapshotId();
    }

    private static void compact(FileStoreTable table, List<DataSplit> splits, int bucketCount) throws Exception {
        FileStoreTable real = table.copy(Map.of("bucket", Integer.toString(bucketCount), "write-only", "false"));
        List<CommitMessage> messages = new ArrayList<>();
        try (IOManager disk = IOManager.create(System.getProperty("java.io.tmpdir"));
                TableWriteImpl<?> write = real.newWrite(COMMIT_USER)) {
            write.withIOManager(disk);
            InnerTableRead read = table.newRead().forceKeepDelete();
            for (DataSplit split : splits) {
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
                messages.add(compaction(real, (CommitMessageImpl) message));
            }
        }
        try (TableCommitImpl commit = real.newCommit(COMMIT_USER)) {
            commit.commit(messages);
        }
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
    private static CommitMessage compaction(FileStoreTable table, CommitMessageImpl message) {
        DataFilePathFactory paths =
                table.store().pathFactory().createDataFilePathFactory(message.partition(), message.bucket());
        BucketFiles files = new BucketFiles(paths, table.fileIO());
        files.update(message);
        return files.makeMessage(message.partition(), message.bucket());
    }
}
