// SPDX-License-Identifier: Apache-2.0
// Plans a table with Iceberg's Java library: PlanJava METADATA CASE REPEATS.  Prints what bench_plan prints; one run
// before those that count warms the virtual machine.

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.StaticTableOperations;
import org.apache.iceberg.Table;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.hadoop.HadoopFileIO;
import org.apache.iceberg.io.CloseableIterable;

public class PlanJava {
    static Expression filter(String name) {
        switch (name) {
            case "partition":
                return Expressions.equal("day", 50);
            case "point":
                return Expressions.equal("id", 12345678L);
            case "range":
                return Expressions.and(
                        Expressions.greaterThanOrEqual("id", 10000000L),
                        Expressions.lessThan("id", 30000000L));
            default:
                return Expressions.alwaysTrue();
        }
    }

    public static void main(String[] args) throws Exception {
        HadoopFileIO io = new HadoopFileIO(new Configuration());
        Table table = new BaseTable(new StaticTableOperations(args[0], io), "t");
        int repeats = Integer.parseInt(args[2]);
        double[][] runs = new double[repeats][];
        long files = 0;
        long deletes = 0;
        for (int i = -1; i < repeats; i++) {
            long begin = System.nanoTime();
            long first = 0;
            files = 0;
            deletes = 0;
            try (CloseableIterable<FileScanTask> tasks = table.newScan().filter(filter(args[1])).planFiles()) {
                for (FileScanTask task : tasks) {
                    if (first == 0) {
                        first = System.nanoTime() - begin;
                    }
                    files++;
                    deletes += task.deletes().size();
                }
            }
            if (i >= 0) {
                runs[i] = new double[] {(System.nanoTime() - begin) / 1e9, first / 1e9};
            }
        }
        Arrays.sort(runs, (a, b) -> Double.compare(a[0], b[0]));
        double peak = 0;
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                peak = Double.parseDouble(line.replaceAll("[^0-9]", "")) / 1024;
            }
        }
        double[] median = runs[repeats / 2];
        System.out.printf(Locale.ROOT, "%.4f\t%.4f\t%d\t%d\t%.1f%n", median[0], median[1], files, deletes, peak);
        System.exit(0);
    }
}
