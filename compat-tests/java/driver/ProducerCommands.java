import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Producers of bytes. What was sent is answered when all of it has been acknowledged, with where it is. */
public final class ProducerCommands {
    private static final Clients<KafkaProducer<byte[], byte[]>> producers = new Clients<>();

    private ProducerCommands() {
    }

    public static void addTo(Map<String, Driver.Command> commands) {
        commands.put("producer.open", (name, fields, reply) -> producers.open(name, reply, () ->
            new KafkaProducer<>(fields.properties(), new ByteArraySerializer(), new ByteArraySerializer())));
        commands.put("producer.send", (name, fields, reply) -> {
            List<ProducerRecord<byte[], byte[]>> records = recordsOf(fields);
            producers.use(name, reply, producer -> send(producer, records, reply));
        });
        commands.put("producer.partitions", (name, fields, reply) -> producers.use(name, reply, producer ->
            reply.done(producer.partitionsFor(fields.text()).size())));
        commands.put("producer.close", (name, fields, reply) ->
            producers.close(name, reply, KafkaProducer::close));
    }

    private static List<ProducerRecord<byte[], byte[]>> recordsOf(Fields fields) {
        String topic = fields.text();
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        while (fields.hasMore()) {
            Integer partition = fields.smallNumber();
            Long timestamp = fields.number();
            byte[] key = fields.bytes();
            ProducerRecord<byte[], byte[]> record =
                new ProducerRecord<>(topic, partition, timestamp, key, fields.bytes());
            int headers = fields.smallNumber();
            for (int header = 0; header < headers; header++) record.headers().add(fields.text(), fields.bytes());
            records.add(record);
        }
        return records;
    }

    private static void send(
            KafkaProducer<byte[], byte[]> producer, List<ProducerRecord<byte[], byte[]>> records, Reply reply) {
        RecordMetadata[] places = new RecordMetadata[records.size()];
        AtomicInteger waiting = new AtomicInteger(records.size());
        AtomicInteger failures = new AtomicInteger();
        for (int index = 0; index < places.length; index++) {
            int place = index;
            producer.send(records.get(index), (metadata, failure) -> {
                places[place] = metadata;
                if (failure != null && failures.getAndIncrement() == 0) reply.failed(failure);
                if (waiting.decrementAndGet() == 0 && failures.get() == 0) reply.done(answer(places));
            });
        }
    }

    private static List<Object> answer(RecordMetadata[] places) {
        List<Object> answer = new ArrayList<>();
        for (RecordMetadata place : places) {
            answer.add(place.partition());
            answer.add(place.offset());
            answer.add(place.timestamp());
        }
        return answer;
    }
}
