// Canonical JSON back to rows of Paimon: what RowPrinter prints, parsed.

import java.math.BigDecimal;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.Map;
import org.apache.paimon.data.BinaryString;
import org.apache.paimon.data.Decimal;
import org.apache.paimon.data.GenericArray;
import org.apache.paimon.data.GenericMap;
import org.apache.paimon.data.GenericRow;
import org.apache.paimon.data.Timestamp;
import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.paimon.types.ArrayType;
import org.apache.paimon.types.DataField;
import org.apache.paimon.types.DataType;
import org.apache.paimon.types.DecimalType;
import org.apache.paimon.types.IntType;
import org.apache.paimon.types.MapType;
import org.apache.paimon.types.MultisetType;
import org.apache.paimon.types.RowKind;
import org.apache.paimon.types.RowType;

final class RowParser {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int KIND_CHARACTERS = 2;

    private final RowType type;

    RowParser(RowType type) {
        this.type = type;
    }

    /** @param line a row kind and a row: `+I {"id":"1"}` */
    GenericRow parseChange(String line) throws Exception {
        GenericRow row = parseRow(JSON.readTree(line.substring(KIND_CHARACTERS + 1)), type);
        row.setRowKind(kindOf(line.substring(0, KIND_CHARACTERS)));
        return row;
    }

    private static RowKind kindOf(String text) {
        for (RowKind kind : RowKind.values()) {
            if (kind.shortString().equals(text)) {
                return kind;
            }
        }
        throw new IllegalArgumentException("no row kind: " + text);
    }

    /** A column that is not named is null; a name that is no column is refused. */
    private static GenericRow parseRow(JsonNode json, RowType type) {
        for (Iterator<String> names = json.fieldNames(); names.hasNext(); ) {
            String name = names.next();
            if (!type.containsField(name)) {
                throw new IllegalArgumentException("no column " + name + " in " + type.getFieldNames());
            }
        }
        GenericRow row = new GenericRow(type.getFieldCount());
        int at = 0;
        for (DataField field : type.getFields()) {
            JsonNode value = json.get(field.name());
            row.setField(at++, value == null ? null : parse(value, field.type()));
        }
        return row;
    }

    /** A value as Paimon has it in rows and filters. */
    static Object parse(JsonNode json, DataType type) {
        if (json.isNull()) {
            return null;
        }
        String text = json.asText();
        switch (type.getTypeRoot()) {
            case BOOLEAN:
                return Boolean.valueOf(text);
            case TINYINT:
                return Byte.valueOf(text);
            case SMALLINT:
                return Short.valueOf(text);
            case INTEGER:
                return Integer.valueOf(text);
            case BIGINT:
                return Long.valueOf(text);
            case FLOAT:
                return (float) Double.parseDouble(text);
            case DOUBLE:
                return Double.valueOf(text);
            case DECIMAL:
                DecimalType decimal = (DecimalType) type;
                return Decimal.fromBigDecimal(new BigDecimal(text), decimal.getPrecision(), decimal.getScale());
            case CHAR:
            case VARCHAR:
                return BinaryString.fromString(text);
            case BINARY:
            case VARBINARY:
                return HexFormat.of().parseHex(text);
            case DATE:
                return (int) LocalDate.parse(text).toEpochDay();
            case TIME_WITHOUT_TIME_ZONE:
                return (int) (LocalTime.parse(text).toNanoOfDay() / 1_000_000);
            case TIMESTAMP_WITHOUT_TIME_ZONE:
                return Timestamp.fromLocalDateTime(LocalDateTime.parse(text));
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
                return Timestamp.fromLocalDateTime(LocalDateTime.parse(text.substring(0, text.length() - 1)));
            case ARRAY:
                return parseArray(json, ((ArrayType) type).getElementType());
            case MAP:
                return parseMap(json, ((MapType) type).getKeyType(), ((MapType) type).getValueType());
            case MULTISET:
                return parseMap(json, ((MultisetType) type).getElementType(), new IntType(false));
            case ROW:
                return parseRow(json, (RowType) type);
            default:
                throw new IllegalArgumentException("no canonical form for " + type);
        }
    }

    private static GenericArray parseArray(JsonNode json, DataType elementType) {
        Object[] elements = new Object[json.size()];
        for (int at = 0; at < elements.length; at++) {
            elements[at] = parse(json.get(at), elementType);
        }
        return new GenericArray(elements);
    }

    private static GenericMap parseMap(JsonNode json, DataType keyType, DataType valueType) {
        Map<Object, Object> entries = new HashMap<>();
        for (JsonNode entry : json) {
            entries.put(parse(entry.get(0), keyType), parse(entry.get(1), valueType));
        }
        return new GenericMap(entries);
    }
}
