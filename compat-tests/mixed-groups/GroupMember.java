import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * One member of a consumer group as a user of the Java client writes it. The arguments are the bootstrap servers, the
 * group, the topic, the class of the assignor and the client id; every event is a line of JSON on the standard output,
 * as compat-tests/member-process.ts has them (values have no characters to be escaped). A line on the standard input,
 * or its end, has it leave.
 */
public final class GroupMember {
    private GroupMember() {
    }

    public static void main(String[] args) throws Exception {
        String topic = args[2];
        String clientId = args[4];
        Properties properties = new Properties();
        properties.putAll(Map.of(
            "bootstrap.servers", args[0],
            "group.id", args[1],
            "partition.assignment.strategy", args[3],
            "client.id", clientId,
            "auto.offset.reset", "earliest",
            "auto.commit.interval.ms", "200",
            "session.timeout.ms", "6000",
            "heartbeat.interval.ms", "200",
            "max.poll.interval.ms", "15000",
            "fetch.max.wait.ms", "100"));
        properties.put("metadata.max.age.ms", "1000");
        KafkaConsumer<String, String> consumer =
            new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
        AtomicBoolean isLeaving = new AtomicBoolean();
        Thread reader = new Thread(() -> {
            try {
                new BufferedReader(new InputStreamReader(System.in)).readLine();
            } catch (java.io.IOException error) {
                // The end of the input all the same.
            }
            isLeaving.set(true);
            consumer.wakeup();
        });
        reader.setDaemon(true);
        reader.start();
        consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> added) {
                String partitions = consumer.assignment().stream()
                    .map(TopicPartition::partition).sorted().map(String::valueOf).collect(Collectors.joining(","));
                say("{\"event\":\"joined\",\"memberId\":\"%s\",\"partitions\":[%s]}", clientId, partitions);
            }

            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
            }
        });
        try {
            while (!isLeaving.get()) {
                for (ConsumerRecord<String, String> each : consumer.poll(Duration.ofMillis(100))) {
                    say("{\"event\":\"record\",\"partition\":%d,\"offset\":%d,\"value\":\"%s\"}",
                        each.partition(), each.offset(), each.value());
                }
            }
        } catch (WakeupException woken) {
            // Told to leave.
        }
        consumer.close();
    }

    private static void say(String format, Object... values) {
        System.out.println(String.format(format, values));
    }
}
