// Lines of text in the order of their UTF-8 bytes, which is not the order of Java's characters.

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

final class Lines {
    static final Comparator<String> BYTE_ORDER =
            (a, b) -> Arrays.compareUnsigned(a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));

    private Lines() {}

    static List<String> sorted(List<String> lines) {
        lines.sort(BYTE_ORDER);
        return lines;
    }
}
