import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Clients of one kind by their names, each with a thread of its own that does what it is asked for in order: so a
 * consumer is used by one thread only, and a client that waits holds up nobody else.
 */
final class Clients<C> {
    interface Factory<C> {
        C open() throws Exception;
    }

    interface Use<C> {
        void with(C client) throws Exception;
    }

    private static final class Entry<C> {
        final ExecutorService thread;
        volatile C client;

        Entry(String name) {
            thread = Executors.newSingleThreadExecutor(work -> {
                Thread thread = new Thread(work, name);
                thread.setDaemon(true);
                return thread;
            });
        }
    }

    private final Map<String, Entry<C>> entries = new ConcurrentHashMap<>();

    void open(String name, Reply reply, Factory<C> factory) {
        Entry<C> entry = new Entry<>(name);
        entries.put(name, entry);
        entry.thread.execute(() -> reply.of(() -> {
            entry.client = factory.open();
            reply.done();
        }));
    }

    void use(String name, Reply reply, Use<C> use) {
        Entry<C> entry = entries.get(name);
        if (entry == null) throw new IllegalStateException("there is no client " + name);
        entry.thread.execute(() -> reply.of(() -> use.with(entry.client)));
    }

    /** For what a client goes on doing by itself; nothing happens when it has been closed. */
    void useAgain(String name, Use<C> use) {
        Entry<C> entry = entries.get(name);
        if (entry == null) return;
        entry.thread.execute(() -> {
            if (entries.get(name) != entry) return;
            try {
                use.with(entry.client);
            } catch (Throwable failure) {
                Driver.print("event", name, "failed", failure.getClass().getSimpleName(), failure.getMessage());
            }
        });
    }

    void close(String name, Reply reply, Use<C> close) {
        use(name, reply, client -> {
            Entry<C> entry = entries.remove(name);
            close.with(client);
            reply.done();
            entry.thread.shutdown();
        });
    }
}
