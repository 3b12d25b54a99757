import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Properties;

/** A line taken apart: fields in base64 with commas between them, and a minus for null. */
final class Fields {
    private final String[] fields;
    private int next = 0;

    Fields(String line) {
        fields = line.split(",", -1);
    }

    static String encode(String kind, Object... fields) {
        StringBuilder line = new StringBuilder(kind);
        for (Object field : fields) {
            line.append(',');
            if (field == null) line.append('-');
            else line.append(Base64.getEncoder().encodeToString(bytesOf(field)));
        }
        return line.toString();
    }

    private static byte[] bytesOf(Object field) {
        return field instanceof byte[] ? (byte[]) field : field.toString().getBytes(StandardCharsets.UTF_8);
    }

    boolean hasMore() {
        return next < fields.length;
    }

    byte[] bytes() {
        String field = fields[next++];
        return field.equals("-") ? null : Base64.getDecoder().decode(field);
    }

    String text() {
        byte[] bytes = bytes();
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    Long number() {
        String text = text();
        return text == null ? null : Long.valueOf(text);
    }

    Integer smallNumber() {
        Long number = number();
        return number == null ? null : Math.toIntExact(number);
    }

    /** Names and values in turn, to the end of the line. */
    Properties properties() {
        Properties properties = new Properties();
        while (hasMore()) properties.put(text(), text());
        return properties;
    }
}
