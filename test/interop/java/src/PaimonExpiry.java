import java.util.List;
import org.apache.paimon.table.ExpireChangelogImpl;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.sink.TableCommitImpl;

/** Paimon's expiry of snapshots and of the changelogs that outlive them. */
public final class PaimonExpiry {
    private PaimonExpiry() {}

    /** As after a commit: by the table's options. */
    public static List<String> expire(FileStoreTable table) throws Exception {
        try (TableCommitImpl commit = table.newCommit("expiry")) {
            commit.expireSnapshots();
        }
        return List.of();
    }

    /** Every changelog that has outlived its snapshot. */
    public static List<String> expireAllChangelogs(FileStoreTable table) {
        ((ExpireChangelogImpl) table.newExpireChangelog()).expireAll();
        return List.of();
    }
}
