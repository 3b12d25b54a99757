import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Consumers of bytes. Once started, one polls whenever it has nothing else to do, and tells every record. */
public final class ConsumerCommands {
    private static final int pollMs = 50;
    private static final Clients<KafkaConsumer<byte[], byte[]>> consumers = new Clients<>();
    /** Until 2.0 there is poll(long) only, from 4.0 on poll(Duration) only. */
    private static final Method pollDuration = methodNamed("poll", Duration.class);
    private static final Method pollMillis = methodNamed("poll", long.class);
    /** Until 2.4 one asks for one partition, from 4.0 on for several. */
    private static final Method committedOfAll = methodNamed("committed", Set.class);
    private static final Method committedOfOne = methodNamed("committed", TopicPartition.class);

    private ConsumerCommands() {
    }

    public static void addTo(Map<String, Driver.Command> commands) {
        commands.put("consumer.open", (name, fields, reply) -> consumers.open(name, reply, () ->
            new KafkaConsumer<>(fields.properties(), new ByteArrayDeserializer(), new ByteArrayDeserializer())));
        add(commands, "subscribe", (name, consumer, fields) -> {
            List<String> topics = new ArrayList<>();
            while (fields.hasMore()) topics.add(fields.text());
            consumer.subscribe(topics, listenerOf(name));
            return none();
        });
        add(commands, "subscribePattern", (name, consumer, fields) -> {
            consumer.subscribe(Pattern.compile(fields.text()), listenerOf(name));
            return none();
        });
        add(commands, "assign", (name, consumer, fields) -> {
            consumer.assign(partitionsOf(fields));
            return none();
        });
        add(commands, "seek", (name, consumer, fields) -> {
            consumer.seek(partitionOf(fields), fields.number());
            return none();
        });
        add(commands, "seekToBeginning", (name, consumer, fields) -> {
            consumer.seekToBeginning(partitionsOf(fields));
            return none();
        });
        add(commands, "seekToEnd", (name, consumer, fields) -> {
            consumer.seekToEnd(partitionsOf(fields));
            return none();
        });
        add(commands, "pause", (name, consumer, fields) -> {
            consumer.pause(partitionsOf(fields));
            return none();
        });
        add(commands, "resume", (name, consumer, fields) -> {
            consumer.resume(partitionsOf(fields));
            return none();
        });
        add(commands, "position", (name, consumer, fields) ->
            new ArrayList<>(List.of(consumer.position(partitionOf(fields)))));
        add(commands, "start", (name, consumer, fields) -> {
            pollAgain(name);
            return none();
        });
        add(commands, "commitSync", (name, consumer, fields) -> {
            consumer.commitSync(offsetsOf(fields));
            return none();
        });
        commands.put("consumer.commitAsync", (name, fields, reply) -> consumers.use(name, reply, consumer ->
            consumer.commitAsync(offsetsOf(fields), (offsets, failure) -> {
                if (failure == null) reply.done();
                else reply.failed(failure);
            })));
        add(commands, "committed", (name, consumer, fields) -> {
            List<Object> answer = none();
            for (TopicPartition partition : partitionsOf(fields)) {
                OffsetAndMetadata committed = committed(consumer, partition);
                answer.add(committed == null ? null : committed.offset());
                answer.add(committed == null ? null : committed.metadata());
            }
            return answer;
        });
        add(commands, "offsetsForTimes", (name, consumer, fields) -> {
            Map<TopicPartition, Long> times = new LinkedHashMap<>();
            while (fields.hasMore()) times.put(partitionOf(fields), fields.number());
            Map<TopicPartition, OffsetAndTimestamp> found = consumer.offsetsForTimes(times);
            List<Object> answer = none();
            for (TopicPartition partition : times.keySet()) {
                OffsetAndTimestamp place = found.get(partition);
                answer.add(place == null ? null : place.offset());
                answer.add(place == null ? null : place.timestamp());
            }
            return answer;
        });
        add(commands, "beginningOffsets", (name, consumer, fields) -> {
            List<TopicPartition> partitions = partitionsOf(fields);
            return valuesOf(consumer.beginningOffsets(partitions), partitions);
        });
        add(commands, "endOffsets", (name, consumer, fields) -> {
            List<TopicPartition> partitions = partitionsOf(fields);
            return valuesOf(consumer.endOffsets(partitions), partitions);
        });
        commands.put("consumer.close", (name, fields, reply) ->
            consumers.close(name, reply, KafkaConsumer::close));
    }

    private interface Action {
        List<Object> run(String name, KafkaConsumer<byte[], byte[]> consumer, Fields fields) throws Exception;
    }

    private static void add(Map<String, Driver.Command> commands, String command, Action action) {
        commands.put("consumer." + command, (name, fields, reply) -> consumers.use(name, reply, consumer ->
            reply.done(action.run(name, consumer, fields))));
    }

    private static void pollAgain(String name) {
        consumers.useAgain(name, consumer -> {
            for (ConsumerRecord<byte[], byte[]> record : poll(consumer)) tell(name, record);
            pollAgain(name);
        });
    }

    @SuppressWarnings("unchecked")
    private static ConsumerRecords<byte[], byte[]> poll(KafkaConsumer<byte[], byte[]> consumer) throws Exception {
        return (ConsumerRecords<byte[], byte[]>) (pollDuration == null
            ? call(pollMillis, consumer, (long) pollMs)
            : call(pollDuration, consumer, Duration.ofMillis(pollMs)));
    }

    @SuppressWarnings("unchecked")
    private static OffsetAndMetadata committed(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition)
            throws Exception {
        if (committedOfAll == null) return (OffsetAndMetadata) call(committedOfOne, consumer, partition);
        Set<TopicPartition> asked = Collections.singleton(partition);
        return ((Map<TopicPartition, OffsetAndMetadata>) call(committedOfAll, consumer, asked)).get(partition);
    }

    private static void tell(String name, ConsumerRecord<byte[], byte[]> record) {
        List<Object> fields = new ArrayList<>();
        Collections.addAll(fields, name, "record", record.topic(), record.partition(), record.offset(),
            record.timestamp(), record.key(), record.value());
        for (Header header : record.headers()) Collections.addAll(fields, header.key(), header.value());
        Driver.print("event", fields.toArray());
    }

    private static ConsumerRebalanceListener listenerOf(String name) {
        return new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                tellPartitions(name, "assigned", partitions);
            }

            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                tellPartitions(name, "revoked", partitions);
            }
        };
    }

    private static void tellPartitions(String name, String what, Collection<TopicPartition> partitions) {
        List<Object> fields = new ArrayList<>();
        Collections.addAll(fields, name, what);
        for (TopicPartition partition : partitions)
            Collections.addAll(fields, partition.topic(), partition.partition());
        Driver.print("event", fields.toArray());
    }

    private static Map<TopicPartition, OffsetAndMetadata> offsetsOf(Fields fields) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        while (fields.hasMore())
            offsets.put(partitionOf(fields), new OffsetAndMetadata(fields.number(), fields.text()));
        return offsets;
    }

    private static TopicPartition partitionOf(Fields fields) {
        return new TopicPartition(fields.text(), fields.smallNumber());
    }

    private static List<TopicPartition> partitionsOf(Fields fields) {
        List<TopicPartition> partitions = new ArrayList<>();
        while (fields.hasMore()) partitions.add(partitionOf(fields));
        return partitions;
    }

    private static List<Object> valuesOf(Map<TopicPartition, Long> offsets, List<TopicPartition> partitions) {
        List<Object> answer = none();
        for (TopicPartition partition : partitions) answer.add(offsets.get(partition));
        return answer;
    }

    private static List<Object> none() {
        return new ArrayList<>();
    }

    private static Method methodNamed(String name, Class<?> parameter) {
        try {
            return KafkaConsumer.class.getMethod(name, parameter);
        } catch (NoSuchMethodException notOfThisAge) {
            return null;
        }
    }

    private static Object call(Method method, Object target, Object argument) throws Exception {
        try {
            return method.invoke(target, argument);
        } catch (InvocationTargetException failure) {
            if (failure.getCause() instanceof Exception) throw (Exception) failure.getCause();
            throw failure;
        }
    }
}
