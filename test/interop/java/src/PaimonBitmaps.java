// Paimon's sets of 64-bit numbers, serialized, and their unions.

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.paimon.utils.RoaringBitmap64;

final class PaimonBitmaps {
    private PaimonBitmaps() {}

    /** For each line a set in hex: `of 1 2 3` has these numbers, put in in this order; `or HEX HEX` is the union of two. */
    static List<String> sets(List<String> lines) throws Exception {
        List<String> sets = new ArrayList<>();
        for (String line : lines) {
            String[] words = line.split(" ");
            RoaringBitmap64 set = new RoaringBitmap64();
            if (words[0].equals("or")) {
                set = read(words[1]);
                set.or(read(words[2]));
            } else {
                for (int at = 1; at < words.length; at++) {
                    set.add(Long.parseUnsignedLong(words[at]));
                }
            }
            sets.add(HexFormat.of().formatHex(set.serialize()));
        }
        return sets;
    }

    private static RoaringBitmap64 read(String hex) throws Exception {
        RoaringBitmap64 set = new RoaringBitmap64();
        set.deserialize(HexFormat.of().parseHex(hex));
        return set;
    }
}
