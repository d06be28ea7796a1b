// The keys by which Paimon's sort compaction orders rows along a space-filling curve.

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.paimon.sort.hilbert.HilbertIndexer;
import org.apache.paimon.sort.zorder.ZIndexer;
import org.apache.paimon.types.RowType;

final class PaimonCurves {
    private PaimonCurves() {}

    /** A key in hex for each of the changes. */
    static List<String> keys(RowType type, String strategy, List<String> columns, List<String> changes)
            throws Exception {
        RowParser parser = new RowParser(type);
        ZIndexer zorder = strategy.equals("zorder") ? new ZIndexer(type, columns) : null;
        HilbertIndexer hilbert = strategy.equals("hilbert") ? new HilbertIndexer(type, columns) : null;
        if (zorder != null) {
            zorder.open();
        }
        List<String> keys = new ArrayList<>();
        for (String change : changes) {
            var row = parser.parseChange(change);
            keys.add(HexFormat.of().formatHex(zorder == null ? hilbert.index(row) : zorder.index(row)));
        }
        return keys;
    }
}
