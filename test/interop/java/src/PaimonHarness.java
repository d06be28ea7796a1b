// Serves requests to Apache Paimon over standard input and output, one after the other, so that a whole test file needs one JVM.
//
// Request:  a line of JSON {"op", "warehouse", "database", "table", …, "lines": N}, then N lines (rows to append).
// Answer:   `ok N`, then N lines; or `error` and the exception's messages as a JSON string.

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.paimon.catalog.Identifier;
import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.ObjectMapper;

final class PaimonHarness {
    private static final int CAUSES_MAX = 8;

    private PaimonHarness() {}

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        // Whatever a library prints must not get between the answers.
        System.setOut(System.err);
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        ObjectMapper json = new ObjectMapper();
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            JsonNode request = json.readTree(line);
            List<String> input = new ArrayList<>();
            for (int left = request.path("lines").asInt(); left > 0; left--) {
                input.add(requests.readLine());
            }
            try {
                List<String> output = answer(request, input);
                answers.print("ok " + output.size() + "\n");
                output.forEach(row -> answers.print(row + "\n"));
            } catch (Throwable failure) {
                answers.print("error " + json.writeValueAsString(describe(failure)) + "\n");
            }
            answers.flush();
        }
        // Pools of Paimon may still have threads; the end of the input is the end.
        System.exit(0);
    }

    private static List<String> answer(JsonNode request, List<String> input) throws Exception {
        Identifier table = identifier(request);
        try (PaimonTables tables = new PaimonTables(request.get("warehouse").asText())) {
            switch (request.get("op").asText()) {
                case "rows":
                    return tables.rows(table, options(request.path("options")));
                case "columns":
                    return tables.columns(table);
                case "candidates":
                    return tables.candidates(
                            table,
                            request.get("column").asText(),
                            request.get("operator").asText(),
                            request.get("literal"));
                case "changes":
                    return tables.changes(table, request.get("first").asLong(), request.get("last").asLong());
                case "snapshots":
                    return tables.snapshots(table);
                case "append":
                    return List.of(Long.toString(tables.append(table, input, request.get("compaction").asBoolean())));
                case "compact":
                    return List.of(Long.toString(tables.compactFully(table)));
                case "compactAppend":
                    return List.of(Long.toString(tables.compactAppend(table)));
                case "compactPostponed":
                    return List.of(Long.toString(tables.compactPostponed(
                            table, request.get("bucketCount").asInt())));
                case "deleteRows":
                    return List.of(Long.toString(tables.deleteRows(
                            table, request.get("modulus").asInt(), request.get("remainder").asInt())));
                case "expire":
                    return tables.expire(
                            table,
                            options(request.get("options")),
                            request.get("allChangelogs").asBoolean());
                case "endBatch":
                    return tables.endBatch(
                            table,
                            request.get("step").asText(),
                            request.get("partition").asText());
                case "bitmaps":
                    return PaimonTables.bitmaps(input);
                case "clusterUnits":
                    return tables.clusterUnits(
                            table, request.get("full").asBoolean(), options(request.get("partition")));
                case "curveKeys":
                    return tables.curveKeys(
                            table,
                            request.get("strategy").asText(),
                            List.of(request.get("columns").asText().split(",")),
                            input);
                case "create":
                    tables.create(table, request.get("schema").toString());
                    return List.of();
                default:
                    throw new IllegalArgumentException("no such request: " + request);
            }
        }
    }

    private static Identifier identifier(JsonNode request) {
        String database = request.get("database").asText();
        String table = request.get("table").asText();
        String branch = request.hasNonNull("branch") ? "$branch_" + request.get("branch").asText() : "";
        return Identifier.create(database, table + branch);
    }

    private static Map<String, String> options(JsonNode json) {
        Map<String, String> options = new HashMap<>();
        json.fields().forEachRemaining(entry -> options.put(entry.getKey(), entry.getValue().asText()));
        return options;
    }

    private static String describe(Throwable failure) {
        List<String> messages = new ArrayList<>();
        for (Throwable at = failure; at != null && messages.size() < CAUSES_MAX; at = at.getCause()) {
            messages.add(at.toString());
        }
        return String.join(" <- ", messages);
    }
}
