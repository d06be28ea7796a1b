// The check of an answer, as bench/workload/check-sum.ts has it.

import java.util.ArrayList;
import java.util.List;
import org.apache.paimon.data.BinaryString;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.data.Timestamp;
import org.apache.paimon.types.RowType;

final class BenchSum {
    long rowCount;
    long sum;

    static List<InternalRow.FieldGetter> gettersOf(RowType type) {
        List<InternalRow.FieldGetter> getters = new ArrayList<>();
        for (int index = 0; index < type.getFieldCount(); index++) {
            getters.add(InternalRow.createFieldGetter(type.getTypeAt(index), index));
        }
        return getters;
    }

    void add(InternalRow row, List<InternalRow.FieldGetter> getters) {
        rowCount++;
        for (InternalRow.FieldGetter getter : getters) {
            Object value = getter.getFieldOrNull(row);
            if (value instanceof Long) {
                sum += (Long) value;
            } else if (value instanceof Double) {
                sum += ((Double) value).longValue();
            } else if (value instanceof BinaryString) {
                sum += ((BinaryString) value).getSizeInBytes();
            } else if (value instanceof Timestamp) {
                sum += ((Timestamp) value).getMillisecond() % 1_000;
            }
        }
    }
}
