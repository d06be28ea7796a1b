// Rows of Paimon as canonical JSON: one line a row, the form of the golden tables (test/golden/README.md).

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.paimon.data.Decimal;
import org.apache.paimon.data.InternalArray;
import org.apache.paimon.data.InternalMap;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.data.Timestamp;
import org.apache.paimon.types.ArrayType;
import org.apache.paimon.types.DataField;
import org.apache.paimon.types.DataType;
import org.apache.paimon.types.IntType;
import org.apache.paimon.types.LocalZonedTimestampType;
import org.apache.paimon.types.MapType;
import org.apache.paimon.types.MultisetType;
import org.apache.paimon.types.RowType;
import org.apache.paimon.types.TimestampType;

/** Made once for a row type, then used for each of its rows. */
final class RowPrinter {

    /** Prints one value that is not null. */
    private interface ValuePrinter {
        void print(StringBuilder out, Object value);
    }

    private final List<InternalRow.FieldGetter> getters = new ArrayList<>();
    private final List<String> labels = new ArrayList<>();
    private final List<ValuePrinter> printers = new ArrayList<>();

    RowPrinter(RowType type) {
        for (DataField field : type.getFields()) {
            StringBuilder label = new StringBuilder();
            printText(label, field.name());
            labels.add(label.append(':').toString());
            getters.add(InternalRow.createFieldGetter(field.type(), getters.size()));
            printers.add(printerOf(field.type()));
        }
    }

    String print(InternalRow row) {
        StringBuilder out = new StringBuilder();
        print(out, row);
        return out.toString();
    }

    private void print(StringBuilder out, InternalRow row) {
        char before = '{';
        for (int field = 0; field < labels.size(); field++) {
            out.append(before).append(labels.get(field));
            printOrNull(out, printers.get(field), getters.get(field).getFieldOrNull(row));
            before = ',';
        }
        out.append(labels.isEmpty() ? "{}" : "}");
    }

    private static void printOrNull(StringBuilder out, ValuePrinter printer, Object value) {
        if (value == null) {
            out.append("null");
        } else {
            printer.print(out, value);
        }
    }

    private static ValuePrinter printerOf(DataType type) {
        switch (type.getTypeRoot()) {
            case BOOLEAN:
            case TINYINT:
            case SMALLINT:
            case INTEGER:
                return StringBuilder::append;
            case BIGINT:
                return (out, value) -> quote(out, value.toString());
            case FLOAT:
            case DOUBLE:
                return (out, value) -> printNumber(out, ((Number) value).doubleValue());
            case DECIMAL:
                return (out, value) -> quote(out, ((Decimal) value).toBigDecimal().toPlainString());
            case CHAR:
            case VARCHAR:
                return (out, value) -> printText(out, value.toString());
            case BINARY:
            case VARBINARY:
                return (out, value) -> quote(out, HexFormat.of().formatHex((byte[]) value));
            case DATE:
                return (out, value) -> quote(out, LocalDate.ofEpochDay((Integer) value).toString());
            case TIME_WITHOUT_TIME_ZONE:
                return (out, value) -> quote(out, timeText((Integer) value));
            case TIMESTAMP_WITHOUT_TIME_ZONE:
                int digits = ((TimestampType) type).getPrecision();
                return (out, value) -> quote(out, timestampText((Timestamp) value, digits));
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
                int zonedDigits = ((LocalZonedTimestampType) type).getPrecision();
                return (out, value) -> quote(out, timestampText((Timestamp) value, zonedDigits) + "Z");
            case ARRAY:
                return arrayPrinter(((ArrayType) type).getElementType());
            case MAP:
                return mapPrinter(((MapType) type).getKeyType(), ((MapType) type).getValueType());
            case MULTISET:
                return mapPrinter(((MultisetType) type).getElementType(), new IntType(false));
            case ROW:
                RowPrinter nested = new RowPrinter((RowType) type);
                return (out, value) -> nested.print(out, (InternalRow) value);
            default:
                throw new IllegalArgumentException("no canonical form for " + type);
        }
    }

    private static ValuePrinter arrayPrinter(DataType elementType) {
        ValuePrinter element = printerOf(elementType);
        InternalArray.ElementGetter getter = InternalArray.createElementGetter(elementType);
        return (out, value) -> {
            InternalArray array = (InternalArray) value;
            out.append('[');
            for (int at = 0; at < array.size(); at++) {
                out.append(at == 0 ? "" : ",");
                printOrNull(out, element, getter.getElementOrNull(array, at));
            }
            out.append(']');
        };
    }

    /** Entries as `[key,value]`, in the order of the keys' texts. */
    private static ValuePrinter mapPrinter(DataType keyType, DataType valueType) {
        ValuePrinter key = printerOf(keyType);
        ValuePrinter value = printerOf(valueType);
        InternalArray.ElementGetter keys = InternalArray.createElementGetter(keyType);
        InternalArray.ElementGetter values = InternalArray.createElementGetter(valueType);
        return (out, object) -> {
            InternalMap map = (InternalMap) object;
            Map<String, String> entries = new TreeMap<>(Lines.BYTE_ORDER);
            for (int at = 0; at < map.size(); at++) {
                StringBuilder keyText = new StringBuilder();
                StringBuilder valueText = new StringBuilder();
                printOrNull(keyText, key, keys.getElementOrNull(map.keyArray(), at));
                printOrNull(valueText, value, values.getElementOrNull(map.valueArray(), at));
                entries.put(keyText.toString(), valueText.toString());
            }
            List<String> pairs = new ArrayList<>();
            entries.forEach((k, v) -> pairs.add("[" + k + "," + v + "]"));
            out.append('[').append(String.join(",", pairs)).append(']');
        };
    }

    private static void quote(StringBuilder out, String plain) {
        out.append('"').append(plain).append('"');
    }

    private static String timeText(int millisOfDay) {
        int seconds = millisOfDay / 1000;
        return String.format("%02d:%02d:%02d.%03d", seconds / 3600, seconds / 60 % 60, seconds % 60, millisOfDay % 1000);
    }

    private static String timestampText(Timestamp value, int digits) {
        LocalDateTime at = value.toLocalDateTime();
        String seconds = String.format("%sT%02d:%02d:%02d", at.toLocalDate(), at.getHour(), at.getMinute(), at.getSecond());
        return digits == 0 ? seconds : seconds + "." + String.format("%09d", at.getNano()).substring(0, digits);
    }

    /** As JSON.stringify, which leaves all but quotes, backslashes and control characters alone. */
    static void printText(StringBuilder out, String text) {
        out.append('"');
        for (int at = 0; at < text.length(); at++) {
            char c = text.charAt(at);
            int shortEscape = "\b\t\n\f\r\"\\".indexOf(c);
            if (shortEscape >= 0) {
                out.append('\\').append("btnfr\"\\".charAt(shortEscape));
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }

    /** As JavaScript prints a number: the fewest digits that read back as the same double, even at a tie. */
    private static void printNumber(StringBuilder out, double value) {
        if (!Double.isFinite(value)) {
            quote(out, Double.toString(value));
            return;
        }
        if (value == 0) {
            out.append(Double.doubleToRawLongBits(value) < 0 ? "-0.0" : "0");
            return;
        }
        BigDecimal shortest = shortestDecimal(Math.abs(value)).stripTrailingZeros();
        String digits = shortest.unscaledValue().toString();
        int point = digits.length() - shortest.scale();
        out.append(value < 0 ? "-" : "");
        if (point > 21 || point < -5) {
            String fraction = digits.length() == 1 ? "" : "." + digits.substring(1);
            out.append(digits.charAt(0)).append(fraction).append('e').append(point > 0 ? "+" : "").append(point - 1);
        } else {
            out.append(shortest.toPlainString());
        }
    }

    private static BigDecimal shortestDecimal(double value) {
        BigDecimal exact = new BigDecimal(value);
        for (int digits = 1; digits < 17; digits++) {
            BigDecimal rounded = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
            if (rounded.doubleValue() == value) {
                return rounded;
            }
        }
        return exact.round(new MathContext(17, RoundingMode.HALF_EVEN));
    }
}
