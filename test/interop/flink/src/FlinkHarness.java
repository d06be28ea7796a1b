// Runs SQL in an embedded Flink, one statement after the other, so that a whole test file needs one JVM and one cluster.
//
// Request:  a line of JSON {"mode": "batch" | "stream" | "call", "warehouse", "sql", "rowsMax"}; a stream is read up to `rowsMax` rows.
//           A `call` runs on a cluster of its own: procedures know no other.
// Answer:   a line of JSON, {"ok": ["+I {…}", …]} or {"error": "…"}: a row kind and a row as canonical JSON each.

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
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonGenerator;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.conversion.DataStructureConverter;
import org.apache.flink.table.data.conversion.DataStructureConverters;
import org.apache.flink.table.types.DataType;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;
import org.apache.paimon.flink.FlinkRowWrapper;
import org.apache.paimon.flink.LogicalTypeConversion;
import org.apache.paimon.types.RowType;

final class FlinkHarness {
    private static final int CAUSES_MAX = 12;
    private static final int SLOTS = 2;

    private final Map<String, TableEnvironment> environments = new HashMap<>();
    private final int port;

    private FlinkHarness(int port) {
        this.port = port;
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        // Whatever a library prints must not get between the answers.
        System.setOut(System.err);
        ObjectMapper json = new ObjectMapper();
        json.getFactory().configure(JsonGenerator.Feature.ESCAPE_NON_ASCII, true);
        try (MiniCluster cluster = startCluster()) {
            FlinkHarness harness = new FlinkHarness(cluster.getRestAddress().get().getPort());
            BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = requests.readLine(); line != null; line = requests.readLine()) {
                Map<String, Object> answer;
                try {
                    answer = Map.of("ok", harness.run(json.readTree(line)));
                } catch (Throwable failure) {
                    answer = Map.of("error", describe(failure));
                }
                answers.print(json.writeValueAsString(answer) + "\n");
                answers.flush();
            }
        }
        System.exit(0);
    }

    private static MiniCluster startCluster() throws Exception {
        Configuration settings = new Configuration();
        settings.setString("rest.port", "0");
        settings.setString("rest.bind-port", "0");
        settings.setString("taskmanager.memory.network.min", "64mb");
        settings.setString("taskmanager.memory.network.max", "64mb");
        settings.setString("taskmanager.memory.managed.size", "128mb");
        MiniCluster cluster = new MiniCluster(new MiniClusterConfiguration.Builder()
                .setConfiguration(settings)
                .setNumTaskManagers(1)
                .setNumSlotsPerTaskManager(SLOTS)
                .build());
        cluster.start();
        return cluster;
    }

    private Configuration configurationOf(String mode) {
        Configuration client = new Configuration();
        client.setString("parallelism.default", "1");
        client.setString("table.dml-sync", "true");
        client.setString("table.local-time-zone", "UTC");
        // A streaming read goes by checkpoints.
        client.setString("execution.checkpointing.interval", "200ms");
        if (!mode.equals("call")) {
            // Without these each statement would start a cluster.
            client.setString("execution.target", "remote");
            client.setString("execution.attached", "true");
            client.setString("rest.address", "localhost");
            client.setString("rest.port", Integer.toString(port));
        }
        return client;
    }

    private List<String> run(JsonNode request) throws Exception {
        TableEnvironment environment =
                environments.computeIfAbsent(request.get("mode").asText(), this::environmentOf);
        String warehouse = request.get("warehouse").asText();
        String catalog = "c" + Integer.toHexString(warehouse.hashCode());
        environment.executeSql("CREATE CATALOG IF NOT EXISTS " + catalog
                + " WITH ('type' = 'paimon', 'cache-enabled' = 'false', 'warehouse' = '" + warehouse + "')");
        environment.useCatalog(catalog);
        TableResult result = environment.executeSql(request.get("sql").asText());
        return rowsOf(result, request.path("rowsMax").asInt(Integer.MAX_VALUE));
    }

    private TableEnvironment environmentOf(String mode) {
        EnvironmentSettings.Builder settings = EnvironmentSettings.newInstance().withConfiguration(configurationOf(mode));
        boolean isStream = mode.equals("stream");
        return TableEnvironment.create((isStream ? settings.inStreamingMode() : settings.inBatchMode()).build());
    }

    private static List<String> rowsOf(TableResult result, int rowsMax) throws Exception {
        DataType type = result.getResolvedSchema().toPhysicalRowDataType();
        DataStructureConverter<Object, Object> converter = DataStructureConverters.getConverter(type);
        converter.open(FlinkHarness.class.getClassLoader());
        RowPrinter printer = new RowPrinter((RowType) LogicalTypeConversion.toDataType(type.getLogicalType()));
        List<String> lines = new ArrayList<>();
        // Closing it cancels a job that would go on.
        try (CloseableIterator<Row> rows = result.collect()) {
            while (lines.size() < rowsMax && rows.hasNext()) {
                Row row = rows.next();
                String kind = row.getKind().shortString();
                RowData data = (RowData) converter.toInternalOrNull(row);
                lines.add(kind + " " + printer.print(new FlinkRowWrapper(data)));
            }
        }
        return lines;
    }

    private static String describe(Throwable failure) {
        List<String> messages = new ArrayList<>();
        for (Throwable at = failure; at != null && messages.size() < CAUSES_MAX; at = at.getCause()) {
            messages.add(at.toString());
        }
        return String.join(" <- ", messages);
    }
}
