import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * Kafka's Java client, of whichever age it was compiled against, with a remote control: what the tests want done
 * comes in at the standard input, what became of it and what was consumed goes out at the standard output.
 *
 * A request is a line of fields (see {@code Fields}): its number, the command, the name of the client that it is
 * for, and what the command takes. Answers come in any order: {@code done} or {@code failed}, the number, what there
 * is to say. A line that begins with {@code event} was not asked for. The end of the input ends the process.
 *
 * Ages differ in what they can be asked for, so commands are in several classes; the ones that could not be
 * compiled against this age are not there, and neither are their commands.
 */
public final class Driver {
    interface Command {
        /** Answers at once or later, from whatever thread. What it throws is the answer, too. */
        void run(String client, Fields fields, Reply reply) throws Exception;
    }

    private static final String[] commandClasses = {
        "ProducerCommands", "ConsumerCommands", "TopicCommands", "ReplacingConfigCommands", "RecordCommands",
        "GroupCommands",
    };

    private static final PrintStream output = System.out;

    private Driver() {
    }

    public static void main(String[] args) throws Exception {
        // What libraries print is not an answer.
        System.setOut(System.err);
        Map<String, Command> commands = new HashMap<>();
        for (String name : commandClasses) {
            try {
                Class.forName(name).getMethod("addTo", Map.class).invoke(null, commands);
            } catch (ClassNotFoundException notOfThisAge) {
                continue;
            }
        }
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String request = requests.readLine(); request != null; request = requests.readLine()) {
            Fields fields = new Fields(request);
            Reply reply = new Reply(fields.text());
            String name = fields.text();
            Command command = commands.get(name);
            if (command == null) reply.failed(new UnsupportedOperationException(name));
            else reply.of(() -> command.run(fields.text(), fields, reply));
        }
        Runtime.getRuntime().halt(0);
    }

    static void print(String kind, Object... fields) {
        String line = Fields.encode(kind, fields);
        synchronized (output) {
            output.println(line);
            output.flush();
        }
    }
}
