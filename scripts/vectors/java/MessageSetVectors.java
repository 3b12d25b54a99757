/*
 * Writes what Kafka's last release with consumers of message formats 0 and 1 makes of record batches for them.
 *
 * Arguments: OUTPUT-FILE MADE-BY BATCHES-FILE, the last one as RecordBatchVectors writes it. Each of its lines is converted
 * for both formats, from its first offset on and from a later one; what cannot be converted (zstd) is left out.
 */
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.errors.UnsupportedCompressionTypeException;
import org.apache.kafka.common.record.ConvertedRecords;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.utils.Time;

public final class MessageSetVectors {
    public static void main(String[] arguments) throws Exception {
        ObjectMapper mapper = new ObjectMapper();
        List<String> lines = new ArrayList<>();
        for (String line : Files.readAllLines(Paths.get(arguments[2]))) {
            JsonNode vector = mapper.readTree(line);
            byte[] bytes = Base64.getDecoder().decode(vector.get("base64").textValue());
            JsonNode first = vector.get("batches").get(0);
            long baseOffset = Long.parseLong(first.get("baseOffset").textValue());
            long later = Math.min(baseOffset + 3, Long.parseLong(first.get("lastOffset").textValue()));
            for (byte magic = 0; magic < 2; magic++) {
                for (long offset = baseOffset; offset <= later; offset += Math.max(1, later - baseOffset)) {
                    ConvertedRecords<? extends MemoryRecords> converted;
                    try {
                        converted = MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)).downConvert(magic, offset, Time.SYSTEM);
                    } catch (UnsupportedCompressionTypeException e) {
                        continue;
                    }
                    MemoryRecords records = converted.records();
                    byte[] set = new byte[records.sizeInBytes()];
                    records.buffer().duplicate().get(set);
                    ObjectNode json = mapper.createObjectNode();
                    json.put("case", vector.get("case").textValue() + "-from-" + offset).put("from", vector.get("base64").textValue());
                    json.put("magic", magic).put("firstOffset", Long.toString(offset));
                    json.put("base64", Base64.getEncoder().encodeToString(set));
                    json.put("recordCount", converted.recordConversionStats().numRecordsConverted()).put("madeBy", arguments[1]);
                    lines.add(mapper.writeValueAsString(json));
                }
            }
        }
        Files.write(Paths.get(arguments[0]), lines);
        System.out.println(arguments[1] + ": " + lines.size() + " converted record vectors");
    }
}
