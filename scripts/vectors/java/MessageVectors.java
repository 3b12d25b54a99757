/*
 * Writes test vectors of Kafka's messages with the classes that Kafka generates from its own definitions: for
 * every message and version a few values, the bytes of the generated class's write(), and the JSON of the
 * generated converter. Values are random but depend only on the seed, the message, the version and the case.
 *
 * Arguments: OUTPUT-FOLDER MADE-BY SEED [COVERED-FILE]. With COVERED-FILE (lines "Message version"), versions
 * named there are left out and only requests and responses are written. Also written: covered.txt with what this run wrote, and
 * defaults.json with the value of every field in a new object, which is what absent fields decode to.
 *
 * JSON form: Kafka's own (camelCase; fields absent from the version, and tagged fields at their default, left
 * out), except that int64 and uint32 are strings, because JSON numbers lose digits in most readers, and that
 * records are there as base64 like bytes.
 */
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BinaryNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.io.Writer;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.zip.CRC32;
import java.util.zip.ZipFile;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.Readable;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;

public final class MessageVectors {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final ObjectMapper MAPPER = new ObjectMapper().configure(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS, true);
    private static final String[] CASES =
        {"default", "nulls", "empty", "greatest", "least", "long", "random-1", "random-2", "unknown-tags",
            "hollow-1", "hollow-3", "hollow-5", "hollow-7", "nulls-3"};
    private static final String[] WORDS = {"orders", "a", "group-1", "localhost", "naïve café", "主题", "🦦", "\u0000", "x.y_z-0", ""};

    private final Path output;
    private final String madeBy;
    private final long seed;
    private final Set<String> covered = new HashSet<>();
    private final Set<String> written = new TreeSet<>();
    private final ObjectNode defaults = JSON.objectNode();

    public static void main(String[] arguments) throws Exception {
        new MessageVectors(arguments).run();
    }

    private MessageVectors(String[] arguments) throws Exception {
        output = Paths.get(arguments[0]);
        madeBy = arguments[1];
        seed = Long.parseLong(arguments[2]);
        if (arguments.length > 3) covered.addAll(Files.readAllLines(Paths.get(arguments[3])));
    }

    private void run() throws Exception {
        boolean onlyRequests = !covered.isEmpty();
        Files.createDirectories(output);
        for (Map.Entry<String, Class<?>> entry : messageClasses(onlyRequests).entrySet()) {
            defaults.set(entry.getKey(), defaultsOf(entry.getValue()));
            writeMessage(entry.getKey(), entry.getValue());
        }
        Files.write(output.resolve("covered.txt"), written);
        Files.writeString(output.resolve("defaults.json"), MAPPER.writeValueAsString(defaults) + "\n");
        System.out.println(madeBy + ": " + written.size() + " versions of " + defaults.size() + " messages");
    }

    // ---------------------------------------------------------------- which messages

    /** Every generated message in the jars of the class path, but only the APIs that a broker's listener serves. */
    private Map<String, Class<?>> messageClasses(boolean onlyRequests) throws Exception {
        Set<String> internal = new HashSet<>();
        for (ApiMessageType api : ApiMessageType.values()) {
            if (api.listeners().contains(ApiMessageType.ListenerType.BROKER)) continue;
            internal.add(api.name + "Request");
            internal.add(api.name + "Response");
        }
        Map<String, Class<?>> classes = new TreeMap<>();
        for (String jar : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (!jar.endsWith(".jar") || !new File(jar).getName().startsWith("kafka-")) continue;
            try (ZipFile zip = new ZipFile(jar)) {
                zip.stream().map(entry -> entry.getName()).filter(name -> name.endsWith("JsonConverter.class") && name.indexOf('$') < 0)
                    .sorted().forEach(name -> {
                        String className = name.replace("JsonConverter.class", "").replace('/', '.');
                        String simple = className.substring(className.lastIndexOf('.') + 1);
                        String message = simple.replaceFirst("(Request|Response|Header)Data$", "$1");
                        boolean request = message.endsWith("Request") || message.endsWith("Response");
                        if (internal.contains(message) || onlyRequests && !request && !message.endsWith("Header")) return;
                        try {
                            classes.put(message, Class.forName(className));
                        } catch (ClassNotFoundException e) {
                            throw new IllegalStateException(e);
                        }
                    });
            }
        }
        return classes;
    }

    // ---------------------------------------------------------------- one message

    private void writeMessage(String name, Class<?> type) throws Exception {
        short first = type.getField("LOWEST_SUPPORTED_VERSION").getShort(null);
        short last = type.getField("HIGHEST_SUPPORTED_VERSION").getShort(null);
        Schema[] schemas = (Schema[]) type.getField("SCHEMAS").get(null);
        Class<?> converter = Class.forName(type.getName() + "JsonConverter");
        Method fromJson = converter.getMethod("read", JsonNode.class, short.class);
        Method toJson = converter.getMethod("write", type, short.class, boolean.class);
        List<String> lines = new ArrayList<>();
        for (short version = first; version <= last; version++) {
            if (covered.contains(name + " " + version)) continue;
            Set<String> seen = new HashSet<>();
            for (String kind : CASES) {
                CRC32 hash = new CRC32();
                hash.update((name + "/" + version + "/" + kind).getBytes(StandardCharsets.UTF_8));
                Values values = new Values(kind, new Random(seed * 31 + hash.getValue()), version == last);
                JsonNode input = kind.equals("default") ? JSON.objectNode() : values.structure(schemas[version], type, 0);
                try {
                    Message message = (Message) (kind.equals("default")
                        ? type.getConstructor().newInstance()
                        : fromJson.invoke(null, input, version));
                    if (kind.equals("unknown-tags") && !values.addUnknownTags(message, schemas[version], 0)) continue;
                    byte[] bytes = write(message, version);
                    if (!seen.add(Base64.getEncoder().encodeToString(bytes))) continue;
                    ByteBuffer rest = ByteBuffer.wrap(bytes);
                    Message read = (Message) type.getConstructor(Readable.class, short.class)
                        .newInstance(new ByteBufferAccessor(rest), version);
                    if (rest.hasRemaining()) throw new IllegalStateException("bytes left after reading");
                    JsonNode json = (JsonNode) toJson.invoke(null, read, version, false);
                    ObjectNode line = JSON.objectNode();
                    line.put("message", name).put("version", version).put("case", kind);
                    line.put("base64", Base64.getEncoder().encodeToString(bytes));
                    line.set("json", portable(json, read));
                    byte[] framed = framed(message, version);
                    if (framed != null) line.put("framed", Base64.getEncoder().encodeToString(framed));
                    line.put("madeBy", madeBy);
                    if (kind.equals("unknown-tags")) line.put("unknownTags", true);
                    lines.add(MAPPER.writeValueAsString(line));
                } catch (InvocationTargetException e) {
                    // A default object cannot be written where a default is not allowed in this version.
                    if (!kind.equals("default")) throw new IllegalStateException(name + " v" + version + " " + kind, e.getCause());
                } catch (RuntimeException e) {
                    if (!kind.equals("default")) throw new IllegalStateException(name + " v" + version + " " + kind, e);
                }
            }
            written.add(name + " " + version);
        }
        if (lines.isEmpty()) return;
        try (Writer writer = Files.newBufferedWriter(output.resolve(name + ".jsonl"))) {
            for (String line : lines) writer.write(line + "\n");
        }
    }

    static byte[] write(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        if (buffer.hasRemaining()) throw new IllegalStateException("size() and write() disagree");
        return buffer.array();
    }

    /**
     * Key or value of the log record that carries the message in an internal topic or the metadata log, null for
     * other messages. By reflection, because older releases have neither these methods nor the modules.
     */
    private static byte[] framed(Message message, short version) throws ReflectiveOperationException {
        String name = message.getClass().getName();
        if (name.contains(".coordinator.") && name.endsWith("Key")) {
            return (byte[]) MessageUtil.class.getMethod("toCoordinatorTypePrefixedBytes", ApiMessage.class).invoke(null, message);
        }
        if (name.contains(".coordinator.")) return MessageUtil.toVersionPrefixedBytes(version, message);
        if (!name.startsWith("org.apache.kafka.common.metadata.")) return null;
        Class<?> versioned = Class.forName("org.apache.kafka.server.common.ApiMessageAndVersion");
        Object record = versioned.getConstructor(ApiMessage.class, short.class).newInstance(message, version);
        Object serde = Class.forName("org.apache.kafka.metadata.MetadataRecordSerde").getConstructor().newInstance();
        ObjectSerializationCache cache = new ObjectSerializationCache();
        int size = (Integer) serde.getClass().getMethod("recordSize", versioned, ObjectSerializationCache.class).invoke(serde, record, cache);
        ByteBuffer buffer = ByteBuffer.allocate(size);
        serde.getClass().getMethod("write", versioned, ObjectSerializationCache.class, org.apache.kafka.common.protocol.Writable.class)
            .invoke(serde, record, cache, new ByteBufferAccessor(buffer));
        return buffer.array();
    }

    /** The converter's JSON with integers of 64 bits as text, and with the record bytes, which it leaves out. */
    static JsonNode portable(JsonNode node, Object value) throws ReflectiveOperationException {
        if (node.isLong()) return JSON.textNode(Long.toString(node.longValue()));
        if (node.isDouble() && !Double.isFinite(node.doubleValue())) return JSON.textNode(Double.toString(node.doubleValue()));
        if (node.isArray()) {
            ArrayNode array = JSON.arrayNode();
            Iterator<?> elements = value instanceof Collection ? ((Collection<?>) value).iterator() : null;
            for (JsonNode element : node) array.add(portable(element, elements == null ? null : elements.next()));
            return array;
        }
        if (!node.isObject()) return node;
        ObjectNode object = JSON.objectNode();
        for (Map.Entry<String, JsonNode> member : node.properties()) {
            String name = member.getKey();
            String records = name.endsWith("SizeInBytes") ? name.substring(0, name.length() - "SizeInBytes".length()) : name;
            Object inner = null;
            for (Field field : fieldsOf(value.getClass())) {
                if (!field.getName().equals(name) && !field.getName().equals(records)) continue;
                field.setAccessible(true);
                inner = field.get(value);
            }
            if (inner != null && inner.getClass().getSimpleName().equals("MemoryRecords")) {
                ByteBuffer buffer = (ByteBuffer) inner.getClass().getMethod("buffer").invoke(inner);
                byte[] bytes = new byte[buffer.remaining()];
                buffer.duplicate().get(bytes);
                object.set(records, BinaryNode.valueOf(bytes));
            } else {
                object.set(name, portable(member.getValue(), inner));
            }
        }
        return object;
    }

    // ---------------------------------------------------------------- defaults

    /** Field values of a new object; structures are {"default": null or absent, "of": {...}}, arrays {"default", "each"}. */
    private static ObjectNode defaultsOf(Class<?> type) throws Exception {
        Object value = type.getConstructor().newInstance();
        ObjectNode object = JSON.objectNode();
        for (Field field : fieldsOf(type)) {
            field.setAccessible(true);
            Object member = field.get(value);
            Class<?> element = elementClass(field);
            if (element != null) {
                ObjectNode array = JSON.objectNode();
                array.set("default", member == null ? JSON.nullNode() : JSON.arrayNode());
                if (Message.class.isAssignableFrom(element)) array.set("each", defaultsOf(element));
                object.set(field.getName(), array);
            } else if (Message.class.isAssignableFrom(field.getType())) {
                ObjectNode structure = JSON.objectNode();
                if (member == null) structure.set("default", JSON.nullNode());
                structure.set("of", defaultsOf(field.getType()));
                object.set(field.getName(), structure);
            } else if (member == null) {
                object.set(field.getName(), JSON.nullNode());
            } else if (member instanceof Boolean) {
                object.put(field.getName(), (Boolean) member);
            } else if (member instanceof byte[] || member instanceof ByteBuffer) {
                object.put(field.getName(), ""); // Kafka has no default for bytes but empty and null
            } else if (member instanceof Long) {
                object.put(field.getName(), member.toString());
            } else if (member instanceof Double) {
                object.put(field.getName(), (Double) member);
            } else if (member instanceof Number) {
                object.put(field.getName(), ((Number) member).intValue());
            } else {
                object.put(field.getName(), member.toString());
            }
        }
        return object;
    }

    private static List<Field> fieldsOf(Class<?> type) {
        List<Field> fields = new ArrayList<>();
        for (Field field : type.getDeclaredFields()) {
            String name = field.getName();
            if (Modifier.isStatic(field.getModifiers()) || name.equals("_unknownTaggedFields")) continue;
            if (name.equals("next") || name.equals("prev")) continue; // links of an implicit hash collection
            fields.add(field);
        }
        return fields;
    }

    /** Class of an array field's elements, or null when the field is no array. */
    private static Class<?> elementClass(Field field) {
        java.lang.reflect.Type type = field.getGenericType();
        if (!Collection.class.isAssignableFrom(field.getType())) return null;
        while (!(type instanceof ParameterizedType)) type = ((Class<?>) type).getGenericSuperclass();
        return (Class<?>) ((ParameterizedType) type).getActualTypeArguments()[0];
    }

    /** The field of a schema's field, whose name is the same in snake_case. */
    private static Field fieldNamed(Class<?> type, String snakeCase) {
        for (Field field : fieldsOf(type)) {
            if (field.getName().equalsIgnoreCase(snakeCase.replace("_", ""))) return field;
        }
        throw new IllegalStateException(type + " has no field for " + snakeCase);
    }

    /** The fields of a tag section; older releases have no public way to ask for them. */
    @SuppressWarnings("unchecked")
    private static Collection<org.apache.kafka.common.protocol.types.Field> taggedFields(Type type) {
        try {
            Field fields = TaggedFields.class.getDeclaredField("fields");
            fields.setAccessible(true);
            return ((Map<Integer, org.apache.kafka.common.protocol.types.Field>) fields.get(type)).values();
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    // ---------------------------------------------------------------- values

    /** Makes values for a schema, in the manner of one case. */
    private static final class Values {
        private final String kind;
        private final Random random;
        private final boolean last;
        /** Arrays from this depth on are empty, those above have an element; texts are empty and scalars null. */
        private final int hollowFrom;
        private boolean longTextUsed;

        Values(String kind, Random random, boolean last) {
            this.kind = kind;
            this.random = random;
            this.last = last;
            this.hollowFrom = kind.startsWith("hollow-") ? Integer.parseInt(kind.substring(7)) : -1;
        }

        ObjectNode structure(Schema schema, Class<?> type, int depth) {
            ObjectNode object = JSON.objectNode();
            for (BoundField bound : schema.fields()) {
                if (bound.def.type instanceof TaggedFields) {
                    for (org.apache.kafka.common.protocol.types.Field tagged : taggedFields(bound.def.type)) {
                        boolean wanted = kind.equals("greatest") || kind.equals("least") || kind.equals("long") || kind.equals("nulls-3")
                            || hollowFrom > 0 || random.nextBoolean();
                        if (wanted) member(object, tagged, type, depth);
                    }
                } else {
                    member(object, bound.def, type, depth);
                }
            }
            return object;
        }

        private void member(ObjectNode object, org.apache.kafka.common.protocol.types.Field def, Class<?> type, int depth) {
            Field field = fieldNamed(type, def.name);
            Class<?> element = elementClass(field);
            object.set(field.getName(), value(def.type, element != null ? element : field.getType(), depth));
        }

        private JsonNode value(Type type, Class<?> javaType, int depth) {
            if (type.isNullable()) {
                if (kind.equals("nulls") || kind.equals("nulls-3") && depth >= 3) return NullNode.instance;
                if (hollowFrom > 0 && !type.isArray() && !(type instanceof Schema)) return NullNode.instance;
                if (kind.startsWith("random") && random.nextInt(4) == 0) return NullNode.instance;
            }
            if (type.isArray()) {
                ArrayNode array = JSON.arrayNode();
                for (int i = elements(depth); i > 0; i--) array.add(value(type.arrayElementType().get(), javaType, depth + 1));
                return array;
            }
            if (type instanceof Schema) return structure((Schema) type, javaType, depth + 1);
            if (type == Type.BOOLEAN) return JSON.booleanNode(pick(true, false, random.nextBoolean()));
            if (type == Type.INT8) return JSON.numberNode(pick(Byte.MAX_VALUE, Byte.MIN_VALUE, (byte) number(8)));
            if (type == Type.INT16) return JSON.numberNode(pick(Short.MAX_VALUE, Short.MIN_VALUE, (short) number(16)));
            if (type == Type.UINT16) return JSON.numberNode(pick(65535, 0, (int) number(16) & 0xffff));
            if (type == Type.INT32) return JSON.numberNode(pick(Integer.MAX_VALUE, Integer.MIN_VALUE, (int) number(32)));
            if (type == Type.UNSIGNED_INT32) return JSON.numberNode(pick(0xffffffffL, 0L, number(32) & 0xffffffffL));
            if (type == Type.INT64) return JSON.numberNode(pick(Long.MAX_VALUE, Long.MIN_VALUE, number(64)));
            if (type == Type.FLOAT64) return DoubleNode.valueOf(pick(Double.MAX_VALUE, Double.NEGATIVE_INFINITY, random.nextGaussian() * 1e6));
            if (type == Type.UUID) return JSON.textNode(uuid().toString());
            String name = type.toString();
            if (name.endsWith("STRING")) return JSON.textNode(text());
            if (name.endsWith("BYTES") || name.endsWith("RECORDS")) return BinaryNode.valueOf(bytes());
            throw new IllegalStateException("no values for " + name);
        }

        private <T> T pick(T greatest, T least, T otherwise) {
            return kind.equals("greatest") ? greatest : kind.equals("least") ? least : otherwise;
        }

        private int elements(int depth) {
            if (hollowFrom > 0) return depth < hollowFrom ? 1 : 0;
            switch (kind) {
                case "empty":
                    return 0;
                case "nulls":
                case "nulls-3":
                case "greatest":
                case "least":
                case "long":
                    return 1;
                default:
                    return depth == 0 ? 1 + 2 * random.nextInt(2) : depth == 1 ? new int[] {0, 1, 3}[random.nextInt(3)] : random.nextInt(3);
            }
        }

        /** Small numbers as often as large ones, both signs. */
        private long number(int bits) {
            if (kind.equals("nulls") || kind.equals("empty")) return -1;
            long value = random.nextLong() >> (64 - bits);
            return random.nextBoolean() ? value >> random.nextInt(bits) : random.nextInt(100);
        }

        private Uuid uuid() {
            if (kind.equals("empty") || kind.equals("nulls") || hollowFrom > 0) return Uuid.ZERO_UUID;
            if (kind.equals("greatest")) return new Uuid(-1L, -1L);
            return new Uuid(random.nextLong(), random.nextLong());
        }

        private String text() {
            if (kind.equals("empty") || kind.equals("nulls") || kind.equals("least") || hollowFrom > 0) return "";
            if (kind.equals("greatest")) return "\uffff\ud83e\udda6\udbff\udfff\u007f\u0000ÿ";
            if (kind.equals("long")) {
                // Lengths around the sizes where a varint grows, and once the longest string of all.
                if (last && !longTextUsed) {
                    longTextUsed = true;
                    return "otter🦦".repeat(3640) + "1234567"; // 32767 bytes of UTF-8
                }
                return "é".repeat(62) + "x".repeat(1 + random.nextInt(4));
            }
            String word = WORDS[random.nextInt(WORDS.length)];
            return random.nextInt(3) == 0 ? word + random.nextInt(1000) : word;
        }

        private byte[] bytes() {
            if (kind.equals("empty") || kind.equals("nulls") || kind.equals("least") || hollowFrom > 0) return new byte[0];
            byte[] bytes = new byte[kind.equals("long") ? 200 : random.nextInt(24)];
            if (kind.equals("long")) java.util.Arrays.fill(bytes, (byte) 0xa5);
            else random.nextBytes(bytes);
            return bytes;
        }

        /** Adds tags that no version knows to this structure and those inside it; false when it cannot carry tags. */
        boolean addUnknownTags(Message message, Schema schema, int depth) throws IllegalAccessException {
            boolean flexible = false;
            for (BoundField bound : schema.fields()) flexible |= bound.def.type instanceof TaggedFields;
            if (!flexible) return false;
            for (int tag : depth == 0 ? new int[] {100, 128, 16384, 268435456} : new int[] {50 + random.nextInt(1000)}) {
                byte[] data = new byte[tag == 128 ? 0 : tag == 16384 ? 130 : 1 + random.nextInt(8)];
                random.nextBytes(data);
                message.unknownTaggedFields().add(new RawTaggedField(tag, data));
            }
            for (BoundField bound : schema.fields()) {
                if (bound.def.type instanceof TaggedFields) {
                    for (org.apache.kafka.common.protocol.types.Field tagged : taggedFields(bound.def.type)) {
                        descend(message, tagged, depth);
                    }
                } else {
                    descend(message, bound.def, depth);
                }
            }
            return true;
        }

        private void descend(Message message, org.apache.kafka.common.protocol.types.Field def, int depth) throws IllegalAccessException {
            Field field = fieldNamed(message.getClass(), def.name);
            field.setAccessible(true);
            Object value = field.get(message);
            // A tagged structure at its default is not written; a tag inside would not change that, but would be
            // lost: it only counts when something else in it was set.
            if (value instanceof Message && def.type instanceof Schema) {
                if (!message.unknownTaggedFields().isEmpty()) addUnknownTags((Message) value, (Schema) def.type, depth + 1);
            } else if (value instanceof Collection && def.type.isArray() && def.type.arrayElementType().get() instanceof Schema) {
                for (Object element : (Collection<?>) value) {
                    addUnknownTags((Message) element, (Schema) def.type.arrayElementType().get(), depth + 1);
                }
            }
        }
    }
}
