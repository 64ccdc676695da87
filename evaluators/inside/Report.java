import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Set;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Runs the tests of a folder of classes and prints a line for each; ends with 1 unless all have passed. */
public final class Report implements TestExecutionListener {
    private final PrintStream out = System.out;
    private boolean failed;

    public static void main(String[] arguments) {
        Report report = new Report();
        LauncherFactory.create().execute(
            LauncherDiscoveryRequestBuilder.request()
                .selectors(DiscoverySelectors.selectClasspathRoots(Set.of(Path.of(arguments[0]))))
                .build(),
            report);
        report.out.flush();
        Runtime.getRuntime().halt(report.failed ? 1 : 0);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        tell(test, result.getStatus() == TestExecutionResult.Status.SUCCESSFUL ? "passed" : "failed");
        result.getThrowable().ifPresent(thrown -> out.println("  " + String.valueOf(thrown).replace("\n", "\n  ")));
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
        tell(test, "skipped");
    }

    private void tell(TestIdentifier test, String result) {
        failed |= !result.equals("passed");
        if (test.isTest()) {
            String name = test.getSource()
                .filter(MethodSource.class::isInstance)
                .map(source -> ((MethodSource) source).getMethodName())
                .orElse("unknown");
            out.println("\ntest " + result + ": " + name);
        }
    }
}
