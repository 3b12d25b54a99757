import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** What the admin client has learned until 2.8: groups and their offsets, configurations one by one, offsets. */
public final class GroupCommands {
    private GroupCommands() {
    }

    public static void addTo(Map<String, Driver.Command> commands) {
        TopicCommands.add(commands, "alterConfigs", (admin, fields) -> {
            ConfigResource resource = TopicCommands.resourceOf(fields);
            Collection<AlterConfigOp> changes = new ArrayList<>();
            while (fields.hasMore()) {
                AlterConfigOp.OpType type = AlterConfigOp.OpType.valueOf(fields.text());
                changes.add(new AlterConfigOp(new ConfigEntry(fields.text(), fields.text()), type));
            }
            admin.incrementalAlterConfigs(Collections.singletonMap(resource, changes)).all().get();
            return Collections.emptyList();
        });
        TopicCommands.add(commands, "listGroups", (admin, fields) -> {
            Set<String> groups = new TreeSet<>();
            admin.listConsumerGroups().all().get().forEach(group -> groups.add(group.groupId()));
            return new ArrayList<>(groups);
        });
        TopicCommands.add(commands, "describeGroup", (admin, fields) -> {
            String group = fields.text();
            ConsumerGroupDescription description =
                admin.describeConsumerGroups(Collections.singleton(group)).all().get().get(group);
            List<Object> answer = new ArrayList<>();
            Collections.addAll(answer, description.state().name(), description.partitionAssignor(),
                description.coordinator().id());
            for (MemberDescription member : description.members())
                Collections.addAll(answer, member.clientId(), member.host(),
                    member.assignment().topicPartitions().size());
            return answer;
        });
        TopicCommands.add(commands, "groupOffsets", (admin, fields) -> {
            Map<TopicPartition, OffsetAndMetadata> offsets =
                admin.listConsumerGroupOffsets(fields.text()).partitionsToOffsetAndMetadata().get();
            Map<Integer, OffsetAndMetadata> sorted = new TreeMap<>();
            offsets.forEach((partition, offset) -> sorted.put(partition.partition(), offset));
            List<Object> answer = new ArrayList<>();
            sorted.forEach((partition, offset) -> Collections.addAll(answer, partition, offset.offset(),
                offset.metadata()));
            return answer;
        });
        TopicCommands.add(commands, "alterGroupOffset", (admin, fields) -> {
            String group = fields.text();
            TopicPartition partition = new TopicPartition(fields.text(), fields.smallNumber());
            OffsetAndMetadata offset = new OffsetAndMetadata(fields.number());
            admin.alterConsumerGroupOffsets(group, Collections.singletonMap(partition, offset)).all().get();
            return Collections.emptyList();
        });
        TopicCommands.add(commands, "deleteGroupOffset", (admin, fields) -> {
            String group = fields.text();
            Set<TopicPartition> partitions = new HashSet<>();
            partitions.add(new TopicPartition(fields.text(), fields.smallNumber()));
            admin.deleteConsumerGroupOffsets(group, partitions).all().get();
            return Collections.emptyList();
        });
        TopicCommands.add(commands, "deleteGroups", (admin, fields) -> {
            admin.deleteConsumerGroups(TopicCommands.textsOf(fields)).all().get();
            return Collections.emptyList();
        });
        TopicCommands.add(commands, "listOffset", (admin, fields) -> {
            TopicPartition partition = new TopicPartition(fields.text(), fields.smallNumber());
            String spec = fields.text();
            ListOffsetsResultInfo found = admin.listOffsets(Collections.singletonMap(partition, specOf(spec)))
                .partitionResult(partition).get();
            return Arrays.asList(found.offset(), found.timestamp());
        });
    }

    private static OffsetSpec specOf(String spec) {
        switch (spec) {
            case "earliest":
                return OffsetSpec.earliest();
            case "latest":
                return OffsetSpec.latest();
            default:
                return OffsetSpec.forTimestamp(Long.parseLong(spec));
        }
    }
}
