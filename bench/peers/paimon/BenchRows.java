// The rows of the work (bench/workload/rows.ts), as columns in memory, and each of them as a row of Paimon.

import java.nio.charset.StandardCharsets;
import java.util.function.IntToLongFunction;
import org.apache.paimon.data.BinaryString;
import org.apache.paimon.data.GenericRow;
import org.apache.paimon.data.Timestamp;

final class BenchRows {
    static final int UPDATE_ROWS = 100_000;
    static final int UPDATE_RUNS = 10;

    private static final int TEXT_BYTES = 16;
    private static final byte[] LETTERS = bytes("abcdefghijklmnopqrstuvwxyz012345");
    private static final byte[] CATEGORY = bytes("category-");
    private static final byte[] USER = bytes("user-");

    final int count;
    private final long[] id;
    private final long[] b1;
    private final long[] b2;
    private final long[] b3;
    private final byte[] s1;
    private final byte[] s2;
    private final byte[] s3;
    private final double[] d1;
    private final double[] d2;
    private final long[] ts;
    private int state;

    /** The base rows `start` to `start + count` of `total`. */
    static BenchRows base(int start, int count, long total) {
        return new BenchRows(1, start, count, index -> index * 618_033L % total);
    }

    static BenchRows updates(int run) {
        return new BenchRows(1_000 + run, 0, UPDATE_ROWS, index -> {
            long k = index * 61_803L % UPDATE_ROWS;
            return k * 10 + (k * 7 + run * 3L) % 10;
        });
    }

    private BenchRows(int seed, int start, int count, IntToLongFunction idOf) {
        this.count = count;
        id = new long[count];
        b1 = new long[count];
        b2 = new long[count];
        b3 = new long[count];
        s1 = new byte[count * TEXT_BYTES];
        s2 = new byte[count * TEXT_BYTES];
        s3 = new byte[count * TEXT_BYTES];
        d1 = new double[count];
        d2 = new double[count];
        ts = new long[count];
        for (int row = 0; row < count; row++) {
            make(row, seed, idOf.applyAsLong(start + row));
        }
    }

    private void make(int row, int seed, long key) {
        state = (int) (seed * 0x9E3779B9L) ^ (int) (key * 0x85EBCA6BL);
        next();
        next();
        id[row] = key;
        b1[row] = next();
        long high = next();
        b2[row] = high * 1_000 + next() % 1_000;
        b3[row] = key * 7 + next() % 100;
        int at = row * TEXT_BYTES;
        for (int index = 0; index < TEXT_BYTES; index++) {
            s1[at + index] = LETTERS[(int) (next() >>> 27)];
        }
        setText(s2, at, CATEGORY, (next() >>> 8) % 1_000);
        setText(s3, at, USER, (next() >>> 8) % 100_000);
        d1[row] = next() / 4_294_967_296.0;
        d2[row] = ((next() >>> 4) % 1_000_000) / 100.0;
        long second = next() % 31_536_000;
        ts[row] = 1_700_000_000_000L + second * 1_000 + (next() >>> 8) % 1_000;
    }

    private long next() {
        state = state * 1_664_525 + 1_013_904_223;
        return state & 0xffffffffL;
    }

    private static void setText(byte[] texts, int at, byte[] prefix, long number) {
        System.arraycopy(prefix, 0, texts, at, prefix.length);
        for (int index = TEXT_BYTES - 1; index >= prefix.length; index--) {
            texts[at + index] = (byte) ('0' + number % 10);
            number /= 10;
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** Shares the bytes of its texts. */
    GenericRow row(int row) {
        int at = row * TEXT_BYTES;
        return GenericRow.of(
                id[row],
                b1[row],
                b2[row],
                b3[row],
                BinaryString.fromBytes(s1, at, TEXT_BYTES),
                BinaryString.fromBytes(s2, at, TEXT_BYTES),
                BinaryString.fromBytes(s3, at, TEXT_BYTES),
                d1[row],
                d2[row],
                Timestamp.fromEpochMillis(ts[row]));
    }
}
