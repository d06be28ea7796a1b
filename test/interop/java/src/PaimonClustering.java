// What Paimon's incremental clustering would take up next.

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.paimon.append.cluster.IncrementalClusterManager;
import org.apache.paimon.compact.CompactUnit;
import org.apache.paimon.data.BinaryRow;
import org.apache.paimon.io.DataFileMeta;
import org.apache.paimon.partition.PartitionPredicate;
import org.apache.paimon.table.FileStoreTable;

final class PaimonClustering {
    private PaimonClustering() {}

    /** For each partition with something to do a line: the level that the files go to, and their names. */
    static List<String> units(FileStoreTable table, boolean full, Map<String, String> partition) {
        String defaultName = table.coreOptions().partitionDefaultName();
        PartitionPredicate partitions = partition.isEmpty()
                ? null
                : PartitionPredicate.fromMap(table.store().partitionType(), partition, defaultName);
        IncrementalClusterManager manager = new IncrementalClusterManager(table, partitions);
        List<String> units = new ArrayList<>();
        for (Map.Entry<BinaryRow, CompactUnit> entry : manager.createCompactUnits(full).entrySet()) {
            CompactUnit unit = entry.getValue();
            units.add(unit.outputLevel()
                    + " "
                    + unit.files().stream().map(DataFileMeta::fileName).sorted().collect(Collectors.joining(" ")));
        }
        return Lines.sorted(units);
    }
}
