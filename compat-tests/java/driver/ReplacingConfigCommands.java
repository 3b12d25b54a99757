import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.config.ConfigResource;

/** AlterConfigs, which replaces all configurations of a resource: from 0.11 until 4.0 took it away. */
public final class ReplacingConfigCommands {
    private ReplacingConfigCommands() {
    }

    @SuppressWarnings("deprecation")
    public static void addTo(Map<String, Driver.Command> commands) {
        TopicCommands.add(commands, "replaceConfigs", (admin, fields) -> {
            ConfigResource resource = TopicCommands.resourceOf(fields);
            List<ConfigEntry> entries = new ArrayList<>();
            while (fields.hasMore()) entries.add(new ConfigEntry(fields.text(), fields.text()));
            admin.alterConfigs(Collections.singletonMap(resource, new Config(entries))).all().get();
            return Collections.emptyList();
        });
    }
}
