import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;

/** What the admin client has learned until 1.1: more partitions, and fewer records. */
public final class RecordCommands {
    private RecordCommands() {
    }

    public static void addTo(Map<String, Driver.Command> commands) {
        TopicCommands.add(commands, "createPartitions", (admin, fields) -> {
            Map<String, NewPartitions> wanted =
                Collections.singletonMap(fields.text(), NewPartitions.increaseTo(fields.smallNumber()));
            admin.createPartitions(wanted).all().get();
            return Collections.emptyList();
        });
        TopicCommands.add(commands, "deleteRecords", (admin, fields) -> {
            TopicPartition partition = new TopicPartition(fields.text(), fields.smallNumber());
            RecordsToDelete before = RecordsToDelete.beforeOffset(fields.number());
            return Arrays.asList(admin.deleteRecords(Collections.singletonMap(partition, before))
                .lowWatermarks().get(partition).get().lowWatermark());
        });
    }
}
