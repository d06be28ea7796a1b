// Compacts append tables without buckets, as Flink's and Spark's compaction jobs do: tasks are planned, each is run alone.

import java.util.ArrayList;
import java.util.List;
import org.apache.paimon.append.AppendCompactCoordinator;
import org.apache.paimon.append.AppendCompactTask;
import org.apache.paimon.operation.BaseAppendFileStoreWrite;
import org.apache.paimon.table.AppendOnlyFileStoreTable;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.SpecialFields;
import org.apache.paimon.table.sink.CommitMessage;
import org.apache.paimon.table.sink.TableCommitImpl;

final class PaimonCompactions {
    private static final String COMMIT_USER = "paimon-compactions";

    private PaimonCompactions() {}

    static long compactAppend(FileStoreTable table) throws Exception {
        List<CommitMessage> messages = new ArrayList<>();
        BaseAppendFileStoreWrite write = ((AppendOnlyFileStoreTable) table).store().newWrite(COMMIT_USER);
        if (table.coreOptions().rowTrackingEnabled()) {
            // Rows keep their ids when they are moved.
            write.withWriteType(SpecialFields.rowTypeWithRowTracking(table.rowType()));
        }
        try {
            for (AppendCompactTask task : new AppendCompactCoordinator(table, false).run()) {
                messages.add(task.doCompact(table, write));
            }
        } finally {
            write.close();
        }
        try (TableCommitImpl commit = table.newCommit(COMMIT_USER)) {
            commit.commit(messages);
        }
        return table.snapshotManager().latestSnapshotId();
    }
}
