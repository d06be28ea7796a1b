// Deletes rows of append tables by deletion vectors, as Spark's DELETE does.

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.paimon.Snapshot;
import org.apache.paimon.data.BinaryRow;
import org.apache.paimon.deletionvectors.Bitmap64DeletionVector;
import org.apache.paimon.deletionvectors.BitmapDeletionVector;
import org.apache.paimon.deletionvectors.DeletionVector;
import org.apache.paimon.deletionvectors.append.BaseAppendDeleteFileMaintainer;
import org.apache.paimon.index.IndexFileHandler;
import org.apache.paimon.index.IndexFileMeta;
import org.apache.paimon.io.CompactIncrement;
import org.apache.paimon.io.DataFileMeta;
import org.apache.paimon.io.DataIncrement;
import org.apache.paimon.manifest.FileKind;
import org.apache.paimon.manifest.IndexManifestEntry;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.sink.CommitMessage;
import org.apache.paimon.table.sink.CommitMessageImpl;
import org.apache.paimon.table.sink.TableCommitImpl;
import org.apache.paimon.table.source.DataSplit;

final class PaimonDeletes {
    private PaimonDeletes() {}

    private record Place(BinaryRow partition, int bucket, Integer totalBuckets) {}

    /** Of each live file, the rows whose position leaves `remainder` when divided by `modulus`. */
    static long deleteRows(FileStoreTable table, int modulus, int remainder) throws Exception {
        Snapshot latest = table.snapshotManager().latestSnapshot();
        IndexFileHandler handler = table.store().newIndexFileHandler();
        boolean isUnaware = table.coreOptions().bucket() == -1;
        Map<Place, List<DataFileMeta>> files = new LinkedHashMap<>();
        for (DataSplit split : table.newSnapshotReader().read().dataSplits()) {
            Place place = new Place(split.partition(), split.bucket(), split.totalBuckets());
            files.computeIfAbsent(place, key -> new ArrayList<>()).addAll(split.dataFiles());
        }
        List<CommitMessage> messages = new ArrayList<>();
        for (Map.Entry<Place, List<DataFileMeta>> entry : files.entrySet()) {
            Place place = entry.getKey();
            BaseAppendDeleteFileMaintainer maintainer = isUnaware
                    ? BaseAppendDeleteFileMaintainer.forUnawareAppend(handler, latest, place.partition())
                    : BaseAppendDeleteFileMaintainer.forBucketedAppend(
                            handler, latest, place.partition(), place.bucket());
            for (DataFileMeta file : entry.getValue()) {
                DeletionVector vector = table.coreOptions().deletionVectorBitmap64()
                        ? new Bitmap64DeletionVector()
                        : new BitmapDeletionVector();
                for (long row = remainder; row < file.rowCount(); row += modulus) {
                    vector.delete(row);
                }
                if (!vector.isEmpty()) {
                    maintainer.notifyNewDeletionVector(file.fileName(), vector);
                }
            }
            messages.add(message(place, maintainer.persist()));
        }
        try (TableCommitImpl commit = table.newCommit("paimon-deletes")) {
            commit.commit(messages);
        }
        return table.snapshotManager().latestSnapshotId();
    }

    private static CommitMessage message(Place place, List<IndexManifestEntry> entries) {
        List<IndexFileMeta> added = new ArrayList<>();
        List<IndexFileMeta> deleted = new ArrayList<>();
        for (IndexManifestEntry entry : entries) {
            (entry.kind() == FileKind.ADD ? added : deleted).add(entry.indexFile());
        }
        DataIncrement increment = new DataIncrement(List.of(), List.of(), List.of(), added, deleted);
        return new CommitMessageImpl(
                place.partition(), place.bucket(), place.totalBuckets(), increment, CompactIncrement.emptyIncrement());
    }
}
