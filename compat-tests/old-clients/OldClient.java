/*
 * The Java client of 0.9 and 0.10.0 as a program that does one thing and ends; see old-client.ts for its command line.
 * The version argument only says which client this is compiled against.
 */
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

public final class OldClient {
    private static final Base64.Encoder ENCODER = Base64.getEncoder();

    public static void main(String[] arguments) throws Exception {
        String topic = arguments[3];
        switch (arguments[0]) {
            case "produce": produce(arguments[2], topic, arguments[4], arguments[5]); break;
            case "consume": consume(arguments[2], topic, Long.parseLong(arguments[4]), Integer.parseInt(arguments[5])); break;
            case "group": consumeInGroup(arguments[2], topic, arguments[4], Integer.parseInt(arguments[5])); break;
            default: throw new IllegalArgumentException(arguments[0]);
        }
    }

    private static void produce(String bootstrap, String topic, String compression, String acks) throws Exception {
        Properties properties = common(bootstrap);
        properties.put("compression.type", compression);
        properties.put("acks", acks);
        properties.put("linger.ms", "100");
        String serializer = "org.apache.kafka.common.serialization.ByteArraySerializer";
        properties.put("key.serializer", serializer);
        properties.put("value.serializer", serializer);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(properties)) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                String[] fields = line.split(" ");
                sent.add(producer.send(new ProducerRecord<>(topic, 0, decode(fields[0]), decode(fields[1]))));
            }
            for (Future<RecordMetadata> one : sent) one.get();
        }
    }

    private static void consume(String bootstrap, String topic, long offset, int count) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, "alone")) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(Collections.singletonList(partition));
            consumer.seek(partition, offset);
            read(consumer, count);
        }
    }

    private static void consumeInGroup(String bootstrap, String topic, String group, int count) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, group)) {
            consumer.subscribe(Collections.singletonList(topic));
            ConsumerRecord<byte[], byte[]> last = read(consumer, count);
            TopicPartition partition = new TopicPartition(topic, 0);
            OffsetAndMetadata commit = new OffsetAndMetadata(last.offset() + 1, "by Java");
            consumer.commitSync(Collections.singletonMap(partition, commit));
            if (!consumer.committed(partition).equals(commit)) throw new IllegalStateException("another offset is committed");
        }
    }

    private static ConsumerRecord<byte[], byte[]> read(KafkaConsumer<byte[], byte[]> consumer, int count) {
        ConsumerRecord<byte[], byte[]> last = null;
        for (int left = count; left > 0;) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(200)) {
                if (left-- <= 0) break;
                System.out.println(record.offset() + " " + timestamp(record) + " " + encode(record.key()) + " " + encode(record.value()));
                last = record;
            }
        }
        return last;
    }

    /** The client of 0.9 knows of none. */
    private static Object timestamp(ConsumerRecord<byte[], byte[]> record) {
        try {
            return ConsumerRecord.class.getMethod("timestamp").invoke(record);
        } catch (ReflectiveOperationException e) {
            return -1;
        }
    }

    private static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, String group) {
        Properties properties = common(bootstrap);
        properties.put("group.id", group);
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "earliest");
        properties.put("session.timeout.ms", "10000");
        String deserializer = "org.apache.kafka.common.serialization.ByteArrayDeserializer";
        properties.put("key.deserializer", deserializer);
        properties.put("value.deserializer", deserializer);
        return new KafkaConsumer<>(properties);
    }

    private static Properties common(String bootstrap) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        return properties;
    }

    private static String encode(byte[] bytes) {
        return bytes == null ? "-" : "+" + ENCODER.encodeToString(bytes);
    }

    private static byte[] decode(String text) {
        return text.equals("-") ? null : Base64.getDecoder().decode(text.substring(1));
    }
}
