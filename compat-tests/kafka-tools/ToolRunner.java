import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.utils.internals.Exit;

/**
 * Runs Kafka's command-line tools one after the other in one JVM, as their shell scripts would in one each: a JVM
 * takes a second to start and another to become fast. Java compiles this file when it is started from its source.
 *
 * A request is a line of fields in base64, separated by commas: the standard input, the main class, its arguments.
 * The answer is a line of the exit code, the standard output and the standard error. The end of the input ends it.
 */
public final class ToolRunner {
    /** What a tool sees as the end of its process; the first one counts, whatever it catches and does afterwards. */
    private static final class Exited extends Error {
        final int code;

        Exited(int code) {
            super("exit code " + code, null, false, false);
            this.code = code;
        }
    }

    /** Stays in place of a standard stream, which libraries may have looked up once and for all. */
    private static final class Captured extends OutputStream {
        private ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        @Override
        public synchronized void write(int value) {
            bytes.write(value);
        }

        @Override
        public synchronized void write(byte[] source, int offset, int length) {
            bytes.write(source, offset, length);
        }

        synchronized String take() {
            byte[] taken = bytes.toByteArray();
            bytes = new ByteArrayOutputStream();
            return Base64.getEncoder().encodeToString(taken);
        }
    }

    private static final Captured output = new Captured();
    private static final Captured error = new Captured();
    /** What a tool leaves to be done at the end of its process, such as sending what it has gathered. */
    private static final List<Runnable> hooks = new ArrayList<>();
    private static Exited exited;

    private ToolRunner() {
    }

    public static void main(String[] args) throws Exception {
        PrintStream answers = System.out;
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        System.setOut(new PrintStream(output, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(error, true, StandardCharsets.UTF_8));
        Exit.Procedure exit = (code, message) -> {
            Exited now = new Exited(code);
            if (exited == null) exited = now;
            throw now;
        };
        Exit.setExitProcedure(exit);
        Exit.setHaltProcedure(exit);
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        for (String request = requests.readLine(); request != null; request = requests.readLine()) {
            String[] fields = Arrays.stream(request.split(",", -1)).map(ToolRunner::decode).toArray(String[]::new);
            int code = run(fields[0], fields[1], Arrays.copyOfRange(fields, 2, fields.length));
            hooks.forEach(Runnable::run);
            hooks.clear();
            answers.println(code + "," + output.take() + "," + error.take());
        }
        Runtime.getRuntime().halt(0);
    }

    private static int run(String input, String mainClass, String[] args) throws Exception {
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        exited = null;
        try {
            Class.forName(mainClass).getMethod("main", String[].class).invoke(null, (Object) args);
        } catch (InvocationTargetException failure) {
            if (exited == null) {
                failure.getCause().printStackTrace();
                return 1;
            }
        }
        return exited == null ? 0 : exited.code;
    }

    private static String decode(String field) {
        return new String(Base64.getDecoder().decode(field), StandardCharsets.UTF_8);
    }
}
