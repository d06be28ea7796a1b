import org.apache.paimon.casting.*;
import org.apache.paimon.data.*;
import org.apache.paimon.types.*;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.*;

/** Prints what Paimon's cast executors make of many values: {"from","to","in","out"} lines, values as texts, "!" for an exception. */
public class CastVectors {
    static DataType[] types = {
        DataTypes.BOOLEAN(), DataTypes.TINYINT(), DataTypes.SMALLINT(), DataTypes.INT(), DataTypes.BIGINT(), DataTypes.FLOAT(), DataTypes.DOUBLE(),
        DataTypes.DECIMAL(5, 2), DataTypes.DECIMAL(10, 0), DataTypes.DECIMAL(20, 3), DataTypes.DECIMAL(38, 18), DataTypes.CHAR(5), DataTypes.VARCHAR(4), DataTypes.STRING(),
        DataTypes.BINARY(4), DataTypes.VARBINARY(3), DataTypes.BYTES(), DataTypes.DATE(), DataTypes.TIME(0), DataTypes.TIME(3),
        DataTypes.TIMESTAMP(0), DataTypes.TIMESTAMP(3), DataTypes.TIMESTAMP(6), DataTypes.TIMESTAMP(9),
        DataTypes.TIMESTAMP_WITH_LOCAL_TIME_ZONE(2), DataTypes.TIMESTAMP_WITH_LOCAL_TIME_ZONE(6), DataTypes.TIMESTAMP_WITH_LOCAL_TIME_ZONE(9),
    };
    static List<Object> samples(DataType t) {
        List<Object> o = new ArrayList<>();
        switch (t.getTypeRoot()) {
            case BOOLEAN: o.add(true); o.add(false); break;
            case TINYINT: for (int i : new int[] {0, 1, -1, 127, -128}) o.add((byte) i); break;
            case SMALLINT: for (int i : new int[] {0, 7, -1, 300, 32767, -32768}) o.add((short) i); break;
            case INTEGER: for (int i : new int[] {0, 1, -1, 383, 70000, 16777217, Integer.MAX_VALUE, Integer.MIN_VALUE}) o.add(i); break;
            case BIGINT: for (long i : new long[] {0, 1, -1, 1704067200L, -62135596800L, 9007199254740993L, 9007199791611905L, -9007199791611905L, 1152921573326323713L, Long.MAX_VALUE, Long.MIN_VALUE}) o.add(i); break;
            case FLOAT: for (float f : new float[] {0f, -0f, 1.5f, -2.5f, 0.1f, 1e7f, 9999999f, 1.0E-3f, 9.99e-4f, 3.4028235E38f, 1.4E-45f, 16777216f, 1e10f, 123456.7f, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 300.7f, -128.9f, 2.1474836E9f}) o.add(f); break;
            case DOUBLE: for (double f : new double[] {0d, -0d, 1.5, -2.5, 0.1, 0.3, 1e7, 9999999.9, 0.001, 9.99e-4, 1.7976931348623157E308, 4.9E-324, 1e21, 123456.789, 1e-10, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 300.7, -128.9, 3e9, 1e19, -1e19, 2.5e-3, 999.995, 999.994, 100, 1234567890123456789d}) o.add(f); break;
            case DECIMAL: {
                DecimalType d = (DecimalType) t;
                for (String s : new String[] {"0", "1", "-1", "1.5", "-1.5", "2.25", "999.99", "-999.99", "123.455", "0.005", "-0.005", "12345678901234567.891", "9999999999", "-9999999999", "99999999999999999999.999999999999999999", "9223372036854775808", "300", "0.000000000000000001"}) {
                    Decimal v = Decimal.fromBigDecimal(new BigDecimal(s), d.getPrecision(), d.getScale());
                    if (v != null) o.add(v);
                }
                break; }
            case CHAR: for (String s : new String[] {"ab", "abcde", "a b", "1", "t", "é€𝄞xy"}) o.add(BinaryString.fromString(s)); break;
            case VARCHAR:
                if (((VarCharType) t).getLength() < 100) { for (String s : new String[] {"ab", "abcd", "12.5", "", "12", "é€𝄞x", "TRUE", "no"}) o.add(BinaryString.fromString(s)); break; }
                for (String s : new String[] {"", " ", "abc", "abcdefgh", "é€𝄞xyz", "0", "1", "-1", "+5", "12", "12.7", "-12.7", "12.", ".5", "-.5", "1e3", "1E-3", "1.5e2x", "  42 ", " 1.5 ", "127", "128", "-128", "-129", "32768", "2147483647", "2147483648", "-2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1.5f", "2d", "NaN", "-Infinity", "Infinity", "+Infinity", "inf", "1e400", "1e-400", "999.995", "999.994", "-999.995", "123456789012345678901234567890.5", "--1", "+", "-", "1.2.3", "1,5",
                    "true", "TRUE", "T", "t", "yes", "Y", "False", "n", "NO", "f", "on", " true",
                    "2024-02-29", "2024-2-9", "2023-02-29", "2024-13-01", "2024-04-31", "2024-02-30", "24-01-02", "12024-01-01", "0000-01-01", "0001-01-01", "9999-12-31", "-001-01-01", "2024", "2024-05", "2024-05-06 07:08:09", "2024-05-06 7:8:9", "2024-05-06 07:08:09.5", "2024-05-06 07:08:09.123456789", "2024-05-06 07:08:09.1234567891", "2024-05-06 07:08:09.", "2024-05-06T07:08:09", "2024-05-06 07:08", "2024-05-06 24:00:00", "2024-05-06 24:00:01", "2024-05-06 23:60:00", "2024-05-06 25:00:00", " 2024-05-06", "2024-05-06 ", "2024-05-06 07:08:09Z", "1969-12-31 23:59:59.999999999", "1960-01-01 00:00:00.0005", "10000-01-01", "+10000-01-01 00:00:00", "2024-05-06x", "2024-05-32", "2024-00-10", "2024- 5-6",
                    "07:08:09", "7:8:9", "07:08", "07", "07:08:09.5", "07:08:09.1234", "07:08:09.1235", "07:08:09.9999", "25:00:00", "07:60:00", "07:08:09+01:00", "07:08:09-01:00", "07:08:09+01", "07:08:09Z", "aa:bb", "07:08:09.abc", "86399999", "-5", "1704067200", "1704067200123", "-1500", "1704067200123456789", "007"}) o.add(BinaryString.fromString(s));
                break;
            case BINARY: case VARBINARY: for (String s : new String[] {"", "61", "616263", "61626364", "6162636465", "c3a9", "ff00"}) o.add(unhex(s)); break;
            case DATE: for (int i : new int[] {0, -1, 1, 19782, 11016, -719528, -719162, 2932896, 2932897, -719529, 100000, -135140}) o.add(i); break;
            case TIME_WITHOUT_TIME_ZONE: for (int i : new int[] {0, 1, 86399999, 25200500, 25209120, 3600000, 45296789}) o.add(i); break;
            default:
                int p = DataTypeChecks.getPrecision(t);
                for (long[] v : new long[][] {{0, 0}, {-1, 0}, {1, 0}, {1704067200123L, 456789}, {-1500, 0}, {-1, 999999}, {-1234567, 123456}, {1704067200000L, 0}, {86400000, 0}, {-86400001, 999000}, {253402300800000L, 0}, {-62135596800001L, 0}, {-62167219200001L, 0}, {1709208000999L, 999999}, {5, 7000}, {1000, 5}, {1709208000500L, 0}, {1709208000120L, 0}, {3000000000000L, 1000}, {-3000000000500L, 1000}}) {
                    long ms = v[0]; int nanos = (int) v[1];
                    if (p <= 3) { nanos = 0; long unit = (long) Math.pow(10, 3 - p); ms = Math.floorDiv(ms, unit) * unit; }
                    else { int unit = (int) Math.pow(10, 9 - p); nanos = nanos / unit * unit; }
                    o.add(Timestamp.fromEpochMillis(ms, nanos));
                }
        }
        return o;
    }
    static byte[] unhex(String s) { byte[] b = new byte[s.length() / 2]; for (int i = 0; i < b.length; i++) b[i] = (byte) Integer.parseInt(s.substring(2 * i, 2 * i + 2), 16); return b; }
    static String hex(byte[] b) { StringBuilder sb = new StringBuilder(); for (byte x : b) sb.append(String.format("%02x", x & 0xff)); return sb.toString(); }
    /** integers, floats as 64-bit patterns in hex, decimals unscaled, texts as UTF-8 hex, timestamps "millis:nanos" */
    static String text(Object v, DataType t) {
        if (v == null) return "null";
        switch (t.getTypeRoot()) {
            case FLOAT: return Long.toHexString(Double.doubleToLongBits((double) (Float) v));
            case DOUBLE: return Long.toHexString(Double.doubleToLongBits((Double) v));
            case DECIMAL: return ((Decimal) v).toBigDecimal().setScale(((DecimalType) t).getScale()).unscaledValue().toString();
            case CHAR: case VARCHAR: return hex(((BinaryString) v).toBytes());
            case BINARY: case VARBINARY: return hex((byte[]) v);
            case TIMESTAMP_WITHOUT_TIME_ZONE: case TIMESTAMP_WITH_LOCAL_TIME_ZONE: return ((Timestamp) v).getMillisecond() + ":" + ((Timestamp) v).getNanoOfMillisecond();
            default: return v.toString();
        }
    }
    @SuppressWarnings("unchecked")
    public static void main(String[] a) {
        for (DataType from : types) for (DataType to : types) {
            boolean impl = DataTypeCasts.supportsCast(from, to, false), expl = DataTypeCasts.supportsCast(from, to, true);
            CastExecutor<Object, Object> ex = (CastExecutor<Object, Object>) CastExecutors.resolve(from, to);
            boolean same = from.equals(to);
            String cast = same ? "implicit" : ex == null ? "none" : impl ? "implicit" : expl ? "explicit" : "none";
            StringBuilder sb = new StringBuilder();
            sb.append("{\"from\":\"").append(from).append("\",\"to\":\"").append(to).append("\",\"cast\":\"").append(cast).append("\",\"values\":[");
            boolean first = true;
            if (!same && !cast.equals("none")) for (Object v : samples(from)) {
                String out;
                try { out = text(ex.cast(v), to); } catch (Exception e) { out = "!"; }
                if (!first) sb.append(','); first = false;
                sb.append("[\"").append(text(v, from)).append("\",\"").append(out).append("\"]");
            }
            System.out.println(sb.append("]}"));
        }
    }
}
