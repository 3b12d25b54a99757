/*
 * Writes record batches with Kafka's own builder, and what Kafka's own reader makes of them: magic 2 with the
 * newest release, magic 0 and 1 (message sets) with the last release that had clients for them.
 *
 * Arguments: OUTPUT-FILE MADE-BY MAGIC[,MAGIC...]. The packages are those of 4.4; make.ts rewrites them for
 * older releases. In the JSON int64 and crc are strings and all bytes base64. Nothing is random.
 */
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.KRaftVersionRecord;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.message.SnapshotFooterRecord;
import org.apache.kafka.common.message.SnapshotHeaderRecord;
import org.apache.kafka.common.message.VotersRecord;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;

public final class RecordBatchVectors {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final long TIME = 1_700_000_000_000L;

    private final String madeBy;
    private final List<String> lines = new ArrayList<>();

    public static void main(String[] arguments) throws Exception {
        RecordBatchVectors vectors = new RecordBatchVectors(arguments[1]);
        for (String magic : arguments[2].split(",")) {
            if (magic.equals("2")) vectors.currentFormat();
            else vectors.messageSets(Byte.parseByte(magic));
        }
        try (Writer writer = Files.newBufferedWriter(Paths.get(arguments[0]))) {
            for (String line : vectors.lines) writer.write(line + "\n");
        }
        System.out.println(arguments[1] + ": " + vectors.lines.size() + " record vectors");
    }

    private RecordBatchVectors(String madeBy) {
        this.madeBy = madeBy;
    }

    private void currentFormat() throws Exception {
        byte magic = RecordBatch.MAGIC_VALUE_V2;
        for (CompressionType type : CompressionType.values()) {
            Compression compression = Compression.of(type).build();
            add("one-" + type.name, build(magic, compression, TimestampType.CREATE_TIME, 0, -1, (short) -1, -1, false, one()));
            add("nulls-" + type.name, build(magic, compression, TimestampType.CREATE_TIME, 7, -1, (short) -1, -1, false, nulls()));
            add("headers-" + type.name, build(magic, compression, TimestampType.CREATE_TIME, 0, -1, (short) -1, -1, false, headers()));
            add("many-" + type.name, build(magic, compression, TimestampType.CREATE_TIME, 1L << 40, 4711, (short) 3, 100, false, many()));
            add("large-" + type.name, build(magic, compression, TimestampType.CREATE_TIME, 0, -1, (short) -1, -1, false, large()));
            add("log-append-time-" + type.name, build(magic, compression, TimestampType.LOG_APPEND_TIME, 5, -1, (short) -1, -1, false, many()));
        }
        add("many-gzip-9", plain(Compression.gzip().level(9).build(), many()));
        add("many-lz4-17", plain(Compression.lz4().level(17).build(), many()));
        add("many-zstd-19", plain(Compression.zstd().level(19).build(), many()));

        Compression none = Compression.NONE;
        add("idempotent", build(magic, none, TimestampType.CREATE_TIME, 0, 1000, (short) 0, 0, false, many()));
        add("idempotent-largest", build(magic, none, TimestampType.CREATE_TIME, 0, Long.MAX_VALUE >> 11, Short.MAX_VALUE, Integer.MAX_VALUE, false, one()));
        add("sequence-wraps", build(magic, none, TimestampType.CREATE_TIME, 0, 1000, (short) 1, Integer.MAX_VALUE - 1, false, nulls()));
        add("transactional", build(magic, none, TimestampType.CREATE_TIME, 12, 1000, (short) 1, 44, true, many()));
        add("timestamps-out-of-order", plain(none, new SimpleRecord(TIME, bytes("a"), bytes("1")),
            new SimpleRecord(TIME - 86_400_000L * 40, bytes("b"), bytes("2")), new SimpleRecord(TIME + 1, bytes("c"), bytes("3")),
            new SimpleRecord(0, bytes("d"), bytes("4"))));
        add("no-timestamp", plain(none, new SimpleRecord(RecordBatch.NO_TIMESTAMP, bytes("a"), bytes("1"))));
        add("commit-marker", MemoryRecords.withEndTransactionMarker(99, TIME, 6, 1000, (short) 2, new EndTransactionMarker(ControlRecordType.COMMIT, 5)));
        add("abort-marker", MemoryRecords.withEndTransactionMarker(100, TIME, 6, 1000, (short) 2, new EndTransactionMarker(ControlRecordType.ABORT, -1)));
        add("leader-change", MemoryRecords.withLeaderChangeMessage(3, TIME, 9, ByteBuffer.allocate(512),
            new LeaderChangeMessage().setLeaderId(1).setVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(1)))));
        add("snapshot-header", MemoryRecords.withSnapshotHeaderRecord(0, TIME, 1, ByteBuffer.allocate(512), new SnapshotHeaderRecord().setLastContainedLogTimestamp(TIME)));
        add("snapshot-footer", MemoryRecords.withSnapshotFooterRecord(8, TIME, 1, ByteBuffer.allocate(512), new SnapshotFooterRecord()));
        add("kraft-version", MemoryRecords.withKRaftVersionRecord(1, TIME, 1, ByteBuffer.allocate(512), new KRaftVersionRecord().setKRaftVersion((short) 1)));
        add("voters", MemoryRecords.withVotersRecord(2, TIME, 1, ByteBuffer.allocate(512), new VotersRecord().setVoters(List.of(
            new VotersRecord.Voter().setVoterId(1).setVoterDirectoryId(new Uuid(1, 2))))));

        for (CompressionType type : new CompressionType[] {CompressionType.NONE, CompressionType.GZIP}) {
            MemoryRecordsBuilder gaps = builder(4096, magic, Compression.of(type).build(), TimestampType.CREATE_TIME, 10, 1000, (short) 0, 0, false);
            for (long offset : new long[] {10, 13, 14, 90}) gaps.appendWithOffset(offset, TIME + offset, bytes("k" + offset), bytes("v"), new Header[0]);
            add("compacted-" + type.name, gaps.build());
        }
        ByteBuffer horizon = ByteBuffer.allocate(1024);
        MemoryRecordsBuilder tombstones = new MemoryRecordsBuilder(new org.apache.kafka.common.utils.internals.ByteBufferOutputStream(horizon), magic, none,
            TimestampType.CREATE_TIME, 20, RecordBatch.NO_TIMESTAMP, -1, (short) -1, -1, false, false, 4, 1024, TIME + 1_000_000);
        tombstones.appendWithOffset(20, TIME + 3, bytes("gone"), null, new Header[0]);
        tombstones.appendWithOffset(22, TIME + 5, bytes("gone too"), null, new Header[0]);
        add("delete-horizon", tombstones.build());

        ByteBuffer empty = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
        DefaultRecordBatch.writeEmptyHeader(empty, magic, 1000, (short) 3, 17, 40, 45, 2, TimestampType.CREATE_TIME, TIME, true, false);
        empty.flip();
        add("empty", MemoryRecords.readableRecords(empty));

        add("three-batches", join(
            build(magic, none, TimestampType.CREATE_TIME, 0, -1, (short) -1, -1, false, nulls()),
            build(magic, Compression.of(CompressionType.LZ4).build(), TimestampType.CREATE_TIME, 5, -1, (short) -1, -1, false, many()),
            MemoryRecords.withEndTransactionMarker(55, TIME, 6, 1000, (short) 2, new EndTransactionMarker(ControlRecordType.COMMIT, 0))));
    }

    /** Magic 0 has neither timestamps nor headers, magic 1 no headers; neither knows zstd. */
    private void messageSets(byte magic) throws Exception {
        TimestampType create = magic == 0 ? TimestampType.NO_TIMESTAMP_TYPE : TimestampType.CREATE_TIME;
        for (CompressionType type : CompressionType.values()) {
            if (type == CompressionType.ZSTD) continue;
            Compression compression = Compression.of(type).build();
            String suffix = "-" + type.name + "-magic-" + magic;
            add("one" + suffix, build(magic, compression, create, 0, -1, (short) -1, -1, false, one()));
            add("nulls" + suffix, build(magic, compression, create, 7, -1, (short) -1, -1, false, nulls()));
            add("many" + suffix, build(magic, compression, create, 1000, -1, (short) -1, -1, false, many()));
            add("large" + suffix, build(magic, compression, create, 0, -1, (short) -1, -1, false, large()));
            if (magic == 1) add("log-append-time" + suffix, build(magic, compression, TimestampType.LOG_APPEND_TIME, 5, -1, (short) -1, -1, false, many()));
        }
    }

    // ---------------------------------------------------------------- record lists

    private static SimpleRecord[] one() {
        return new SimpleRecord[] {new SimpleRecord(TIME, bytes("key"), bytes("value"))};
    }

    private static SimpleRecord[] nulls() {
        return new SimpleRecord[] {
            new SimpleRecord(TIME, (byte[]) null, (byte[]) null), new SimpleRecord(TIME + 1, null, bytes("only a value")),
            new SimpleRecord(TIME + 2, bytes("only a key"), null), new SimpleRecord(TIME + 3, bytes(""), bytes("")),
            new SimpleRecord(TIME + 300, bytes("🦦"), new byte[] {0, -1, -128, 127})};
    }

    private static SimpleRecord[] headers() {
        return new SimpleRecord[] {
            new SimpleRecord(TIME, bytes("k"), bytes("v"), new Header[] {
                new RecordHeader("trace", bytes("abc")), new RecordHeader("trace", bytes("twice")), new RecordHeader("none", (byte[]) null)}),
            new SimpleRecord(TIME, null, bytes("v"), new Header[] {new RecordHeader("", new byte[0]), new RecordHeader("größe 🦦", new byte[200])}),
            new SimpleRecord(TIME, bytes("k"), null)};
    }

    private static SimpleRecord[] many() {
        SimpleRecord[] records = new SimpleRecord[50];
        for (int i = 0; i < records.length; i++) {
            records[i] = new SimpleRecord(TIME + i * 7, bytes("user-" + i % 7), bytes("{\"user\":" + i % 7 + ",\"amount\":" + i * 37 % 100 + "}"));
        }
        return records;
    }

    /** More than a block of every codec (snappy 32 KB, lz4 64 KB), half of it incompressible. */
    private static SimpleRecord[] large() {
        byte[] value = new byte[70_000];
        long state = 42;
        for (int i = 0; i < value.length; i++) {
            state = state * 6364136223846793005L + 1442695040888963407L;
            value[i] = i < 3_000 ? (byte) (state >>> 56) : (byte) "the quiet house ".charAt(i % 16);
        }
        return new SimpleRecord[] {new SimpleRecord(TIME, bytes("large"), value), new SimpleRecord(TIME, bytes("after"), bytes("it"))};
    }

    // ---------------------------------------------------------------- writing and reading

    private static MemoryRecordsBuilder builder(int size, byte magic, Compression compression, TimestampType type, long baseOffset,
                                                long producerId, short producerEpoch, int baseSequence, boolean transactional) {
        return MemoryRecords.builder(ByteBuffer.allocate(size), magic, compression, type, baseOffset, TIME + 500_000,
            producerId, producerEpoch, baseSequence, transactional, 6);
    }

    private static MemoryRecords build(byte magic, Compression compression, TimestampType type, long baseOffset, long producerId,
                                       short producerEpoch, int baseSequence, boolean transactional, SimpleRecord[] records) {
        MemoryRecordsBuilder builder = builder(100_000, magic, compression, type, baseOffset, producerId, producerEpoch, baseSequence, transactional);
        for (SimpleRecord record : records) builder.append(record);
        return builder.build();
    }

    private static MemoryRecords plain(Compression compression, SimpleRecord... records) {
        return build(RecordBatch.MAGIC_VALUE_V2, compression, TimestampType.CREATE_TIME, 0, -1, (short) -1, -1, false, records);
    }

    private static MemoryRecords join(MemoryRecords... all) {
        ByteBuffer joined = ByteBuffer.allocate(Arrays.stream(all).mapToInt(MemoryRecords::sizeInBytes).sum());
        for (MemoryRecords records : all) joined.put(records.buffer().duplicate());
        joined.flip();
        return MemoryRecords.readableRecords(joined);
    }

    private void add(String name, MemoryRecords records) throws Exception {
        byte[] bytes = new byte[records.sizeInBytes()];
        records.buffer().duplicate().get(bytes);
        ObjectNode line = JSON.objectNode();
        line.put("case", name).put("base64", Base64.getEncoder().encodeToString(bytes));
        ArrayNode batches = line.putArray("batches");
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)).batches()) {
            batch.ensureValid();
            ObjectNode json = batches.addObject();
            json.put("magic", batch.magic()).put("size", batch.sizeInBytes()).put("crc", Long.toString(batch.checksum()));
            json.put("baseOffset", Long.toString(batch.baseOffset())).put("lastOffset", Long.toString(batch.lastOffset()));
            json.put("compression", batch.compressionType().name).put("timestampType", batch.timestampType().name);
            json.put("maxTimestamp", Long.toString(batch.maxTimestamp()));
            json.put("partitionLeaderEpoch", batch.partitionLeaderEpoch());
            json.put("producerId", Long.toString(batch.producerId())).put("producerEpoch", batch.producerEpoch());
            json.put("baseSequence", batch.baseSequence()).put("lastSequence", batch.lastSequence());
            json.put("isTransactional", batch.isTransactional()).put("isControl", batch.isControlBatch());
            if (batch.deleteHorizonMs().isPresent()) json.put("deleteHorizonMs", Long.toString(batch.deleteHorizonMs().getAsLong()));
            ArrayNode list = json.putArray("records");
            for (Record record : batch) {
                ObjectNode entry = list.addObject();
                entry.put("offset", Long.toString(record.offset())).put("timestamp", Long.toString(record.timestamp()));
                entry.put("key", base64(record.key())).put("value", base64(record.value()));
                ArrayNode headers = entry.putArray("headers");
                for (Header header : record.headers()) {
                    headers.addObject().put("key", header.key()).put("value", header.value() == null ? null : Base64.getEncoder().encodeToString(header.value()));
                }
            }
        }
        line.put("madeBy", madeBy);
        lines.add(MAPPER.writeValueAsString(line));
    }

    private static String base64(ByteBuffer buffer) {
        if (buffer == null) return null;
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return Base64.getEncoder().encodeToString(bytes);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
