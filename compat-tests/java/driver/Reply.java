import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/** The one answer to a request. */
final class Reply {
    interface Work {
        void run() throws Exception;
    }

    private final String number;

    Reply(String number) {
        this.number = number;
    }

    /** Does what will answer, and answers with what it throws. */
    void of(Work work) {
        try {
            work.run();
        } catch (Throwable failure) {
            failed(failure);
        }
    }

    void done(Object... fields) {
        Object[] all = new Object[fields.length + 1];
        all[0] = number;
        System.arraycopy(fields, 0, all, 1, fields.length);
        Driver.print("done", all);
    }

    void done(List<Object> fields) {
        done(fields.toArray());
    }

    void failed(Throwable failure) {
        Throwable told = failure;
        while ((told instanceof ExecutionException || told instanceof CompletionException) && told.getCause() != null)
            told = told.getCause();
        Driver.print("failed", number, told.getClass().getSimpleName(), told.getMessage());
    }
}
