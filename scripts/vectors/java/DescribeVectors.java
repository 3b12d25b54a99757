/*
 * Reads messages that other programs encoded with Kafka's generated classes, and adds to each line the JSON of
 * what Kafka makes of it (in the form that MessageVectors describes).
 *
 * Arguments: INPUT-FILE OUTPUT-FILE REST-FILE. Lines are {"message", "version", "base64", ...}; those whose version these
 * classes do not know go to REST-FILE for another release. A message that Kafka cannot read whole fails the run.
 */
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.Readable;

public final class DescribeVectors {
    public static void main(String[] arguments) throws Exception {
        ObjectMapper mapper = new ObjectMapper();
        List<String> described = new ArrayList<>();
        List<String> rest = new ArrayList<>();
        boolean failed = false;
        for (String text : Files.readAllLines(Paths.get(arguments[0]))) {
            ObjectNode line = (ObjectNode) mapper.readTree(text);
            String name = line.get("message").textValue();
            short version = line.get("version").shortValue();
            Class<?> type = Class.forName("org.apache.kafka.common.message." + name + "Data");
            if (version < type.getField("LOWEST_SUPPORTED_VERSION").getShort(null) || version > type.getField("HIGHEST_SUPPORTED_VERSION").getShort(null)) {
                rest.add(text);
                continue;
            }
            String where = name + " v" + version + " " + line.get("case").textValue();
            ByteBuffer bytes = ByteBuffer.wrap(line.get("base64").binaryValue());
            try {
                Message read = (Message) type.getConstructor(Readable.class, short.class).newInstance(new ByteBufferAccessor(bytes), version);
                if (bytes.hasRemaining()) throw new IllegalStateException(bytes.remaining() + " bytes left");
                Object json = Class.forName(type.getName() + "JsonConverter").getMethod("write", type, short.class, boolean.class)
                    .invoke(null, read, version, false);
                line.set("json", MessageVectors.portable((JsonNode) json, read));
            } catch (ReflectiveOperationException | RuntimeException e) {
                Throwable cause = e.getCause() == null ? e : e.getCause();
                System.err.println(where + " cannot be read: " + cause.getMessage() + ": " + line.get("base64").textValue());
                failed = true;
                continue;
            }
            described.add(mapper.writeValueAsString(line));
        }
        Files.write(Paths.get(arguments[1]), described);
        Files.write(Paths.get(arguments[2]), rest);
        if (failed) System.exit(1);
    }
}
