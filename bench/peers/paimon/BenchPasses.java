// What a turn tells (bench/turns/passes.ts): a line of JSON, after which the process stays until its standard input ends.

import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.paimon.shade.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;

final class BenchPasses {
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final ObjectNode report = new ObjectMapper().createObjectNode();
    private final ArrayNode passes = report.putArray("passes");
    private final ObjectNode figures = report.putObject("figures");

    interface Work {
        /** Looks at every value of its answer, if it has one. */
        void run(BenchSum answer) throws Exception;
    }

    void time(Work work) throws Exception {
        BenchSum answer = new BenchSum();
        double cpuBefore = cpuMs();
        long start = System.nanoTime();
        work.run(answer);
        double wallMs = (System.nanoTime() - start) / 1e6;
        double cpuSinceStartMs = cpuMs();
        passes.addObject()
                .put("wallMs", wallMs)
                .put("cpuMs", cpuSinceStartMs - cpuBefore)
                .put("endMs", System.currentTimeMillis())
                .put("cpuSinceStartMs", cpuSinceStartMs)
                .put("rowCount", answer.rowCount)
                .put("sum", Long.toString(answer.sum));
    }

    void figure(String name, double value) {
        figures.put(name, value);
    }

    void tell() throws Exception {
        System.out.println(report);
        System.out.flush();
        while (System.in.read() >= 0) {
            // Whoever started this looks at its memory meanwhile.
        }
    }

    static double cpuMs() {
        return SYSTEM.getProcessCpuTime() / 1e6;
    }
}
