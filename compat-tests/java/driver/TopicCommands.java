import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.DescribeTopicsResult;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;

/** What the admin client could do from the beginning, which is 0.11: topics, configurations, the cluster. */
public final class TopicCommands {
    static final Clients<AdminClient> admins = new Clients<>();

    private TopicCommands() {
    }

    interface Action {
        /** Gives the fields of the answer. */
        List<Object> run(AdminClient admin, Fields fields) throws Exception;
    }

    static void add(Map<String, Driver.Command> commands, String command, Action action) {
        commands.put("admin." + command, (name, fields, reply) -> admins.use(name, reply, admin ->
            reply.done(action.run(admin, fields))));
    }

    public static void addTo(Map<String, Driver.Command> commands) {
        commands.put("admin.open", (name, fields, reply) -> admins.open(name, reply, () ->
            AdminClient.create(fields.properties())));
        commands.put("admin.close", (name, fields, reply) -> admins.close(name, reply, AdminClient::close));
        add(commands, "createTopic", (admin, fields) -> {
            NewTopic topic = new NewTopic(fields.text(), fields.smallNumber(), (short) 1);
            Map<String, String> configs = new HashMap<>();
            while (fields.hasMore()) configs.put(fields.text(), fields.text());
            admin.createTopics(Collections.singleton(topic.configs(configs))).all().get();
            return Collections.emptyList();
        });
        add(commands, "deleteTopics", (admin, fields) -> {
            admin.deleteTopics(textsOf(fields)).all().get();
            return Collections.emptyList();
        });
        add(commands, "listTopics", (admin, fields) -> new ArrayList<>(new TreeSet<>(
            admin.listTopics().names().get())));
        add(commands, "describeTopic", (admin, fields) -> describeTopic(admin, fields.text()));
        add(commands, "describeCluster", (admin, fields) -> {
            DescribeClusterResult cluster = admin.describeCluster();
            List<Object> answer = new ArrayList<>();
            Collections.addAll(answer, cluster.clusterId().get(), cluster.controller().get().id());
            for (Node node : cluster.nodes().get())
                Collections.addAll(answer, node.id(), node.host() + ":" + node.port());
            return answer;
        });
        add(commands, "describeConfigs", (admin, fields) -> {
            ConfigResource resource = resourceOf(fields);
            Config config = admin.describeConfigs(Collections.singleton(resource)).all().get().get(resource);
            List<Object> answer = new ArrayList<>();
            for (ConfigEntry entry : config.entries())
                Collections.addAll(answer, entry.name(), entry.value(), entry.isDefault());
            return answer;
        });
    }

    static ConfigResource resourceOf(Fields fields) {
        return new ConfigResource(ConfigResource.Type.valueOf(fields.text()), fields.text());
    }

    static List<String> textsOf(Fields fields) {
        List<String> texts = new ArrayList<>();
        while (fields.hasMore()) texts.add(fields.text());
        return texts;
    }

    @SuppressWarnings("unchecked")
    private static List<Object> describeTopic(AdminClient admin, String topic) throws Exception {
        DescribeTopicsResult result = admin.describeTopics(Collections.singleton(topic));
        KafkaFuture<Map<String, TopicDescription>> all;
        try {
            all = (KafkaFuture<Map<String, TopicDescription>>)
                DescribeTopicsResult.class.getMethod("allTopicNames").invoke(result);
        } catch (NoSuchMethodException olderThan31) {
            all = (KafkaFuture<Map<String, TopicDescription>>)
                DescribeTopicsResult.class.getMethod("all").invoke(result);
        }
        List<Object> answer = new ArrayList<>();
        for (TopicPartitionInfo partition : all.get().get(topic).partitions())
            Collections.addAll(answer, partition.partition(), partition.leader().id(), idsOf(partition.replicas()),
                idsOf(partition.isr()));
        return answer;
    }

    private static String idsOf(Collection<Node> nodes) {
        List<String> ids = new ArrayList<>();
        for (Node node : nodes) ids.add(String.valueOf(node.id()));
        return String.join(" ", ids);
    }
}
