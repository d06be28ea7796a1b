// Paimon's sets of numbers, serialized, their unions, and deletion vectors of them.

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.paimon.deletionvectors.Bitmap64DeletionVector;
import org.apache.paimon.deletionvectors.BitmapDeletionVector;
import org.apache.paimon.deletionvectors.DeletionVector;
import org.apache.paimon.utils.RoaringBitmap32;
import org.apache.paimon.utils.RoaringBitmap64;

final class PaimonBitmaps {
    private PaimonBitmaps() {}

    /**
     * For each line a set in hex: `of 1 2 3` has these 64-bit numbers, put in in this order; `or HEX HEX` is the union of two;
     * `of32` and `or32` are sets of 32-bit numbers; `vector32` and `vector64` are deletion vectors, with length and checksum.
     */
    static List<String> sets(List<String> lines) throws Exception {
        List<String> sets = new ArrayList<>();
        for (String line : lines) {
            sets.add(HexFormat.of().formatHex(set(line.split(" "))));
        }
        return sets;
    }

    private static byte[] set(String[] words) throws Exception {
        switch (words[0]) {
            case "or":
                RoaringBitmap64 both = read(words[1]);
                both.or(read(words[2]));
                return both.serialize();
            case "of":
                RoaringBitmap64 set = new RoaringBitmap64();
                for (int at = 1; at < words.length; at++) {
                    set.add(Long.parseUnsignedLong(words[at]));
                }
                return set.serialize();
            case "or32":
                RoaringBitmap32 both32 = read32(words[1]);
                both32.or(read32(words[2]));
                return both32.serialize();
            case "of32":
                RoaringBitmap32 set32 = new RoaringBitmap32();
                for (int at = 1; at < words.length; at++) {
                    set32.add(Integer.parseUnsignedInt(words[at]));
                }
                return set32.serialize();
            default:
                return vector(words);
        }
    }

    private static byte[] vector(String[] words) throws Exception {
        DeletionVector vector =
                words[0].equals("vector32") ? new BitmapDeletionVector() : new Bitmap64DeletionVector();
        for (int at = 1; at < words.length; at++) {
            vector.delete(Long.parseLong(words[at]));
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        vector.serializeTo(new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    private static RoaringBitmap32 read32(String hex) throws Exception {
        RoaringBitmap32 set = new RoaringBitmap32();
        set.deserialize(ByteBuffer.wrap(HexFormat.of().parseHex(hex)));
        return set;
    }

    private static RoaringBitmap64 read(String hex) throws Exception {
        RoaringBitmap64 set = new RoaringBitmap64();
        set.deserialize(HexFormat.of().parseHex(hex));
        return set;
    }
}
