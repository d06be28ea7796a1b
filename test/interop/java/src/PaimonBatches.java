import java.util.List;
import org.apache.paimon.partition.actions.PartitionMarkDoneAction;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.tag.TagBatchCreation;

/** What Paimon's engines end a batch of writes with. */
public final class PaimonBatches {
    private PaimonBatches() {}

    /** The tag of the batch, and the removal of those that are too many. */
    public static List<String> tag(FileStoreTable table, String unused) {
        new TagBatchCreation(table).createTag();
        return List.of();
    }

    /** Marks a partition (`dt=2024-01-01`) done by the table's actions. */
    public static List<String> markDone(FileStoreTable table, String partition) throws Exception {
        ClassLoader loader = PaimonBatches.class.getClassLoader();
        for (PartitionMarkDoneAction action :
                PartitionMarkDoneAction.createActions(loader, table, table.coreOptions())) {
            action.markDone(partition);
            action.close();
        }
        return List.of();
    }
}
