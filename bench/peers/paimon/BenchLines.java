// Lines {"op":"+I","row":{…}} with canonical JSON as rows of Paimon.

import java.io.BufferedReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import org.apache.paimon.data.BinaryString;
import org.apache.paimon.data.GenericRow;
import org.apache.paimon.data.Timestamp;
import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.ObjectMapper;

final class BenchLines {
    private final ObjectMapper mapper = new ObjectMapper();

    interface RowConsumer {
        void accept(GenericRow row) throws Exception;
    }

    long read(String path, RowConsumer consumer) throws Exception {
        long count = 0;
        try (BufferedReader reader = Files.newBufferedReader(Path.of(path), StandardCharsets.UTF_8)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                consumer.accept(row(mapper.readTree(line).get("row")));
                count++;
            }
        }
        return count;
    }

    private static GenericRow row(JsonNode row) {
        return GenericRow.of(
                number(row, "id"),
                number(row, "b1"),
                number(row, "b2"),
                number(row, "b3"),
                text(row, "s1"),
                text(row, "s2"),
                text(row, "s3"),
                row.get("d1").asDouble(),
                row.get("d2").asDouble(),
                Timestamp.fromLocalDateTime(LocalDateTime.parse(row.get("ts").asText())));
    }

    private static long number(JsonNode row, String name) {
        return Long.parseLong(row.get(name).asText());
    }

    private static BinaryString text(JsonNode row, String name) {
        return BinaryString.fromString(row.get(name).asText());
    }
}
