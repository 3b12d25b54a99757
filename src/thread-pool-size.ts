/**
 * Gives Node's thread pool, which does the fsyncs and the cold reads, 16 threads in place of 4, unless the user said
 * otherwise. Node reads UV_THREADPOOL_SIZE when the pool is first used, so this must run before anything else does:
 * `main.ts` imports it first, and is run as CommonJS, where imports run in the order in which they stand. (In an ES
 * module the loader has used the pool by then.) This is the one file here that does something when imported.
 */
process.env.UV_THREADPOOL_SIZE ??= '16'
