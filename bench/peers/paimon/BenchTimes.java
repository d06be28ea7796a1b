// Times of many short pieces of work, in milliseconds, and their quantiles.

import java.util.Arrays;

final class BenchTimes {
    private final double[] times;
    private int count;

    BenchTimes(int capacity) {
        times = new double[capacity];
    }

    interface Work {
        void run() throws Exception;
    }

    void time(Work work) throws Exception {
        long start = System.nanoTime();
        work.run();
        times[count++] = (System.nanoTime() - start) / 1e6;
    }

    double first() {
        return times[0];
    }

    /** Of those after the first `warmUps`. */
    double quantile(double share, int warmUps) {
        double[] sorted = Arrays.copyOfRange(times, warmUps, count);
        Arrays.sort(sorted);
        return sorted[(int) Math.ceil(sorted.length * share) - 1];
    }
}
