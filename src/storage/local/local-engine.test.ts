/** The local engine: the contract of all engines, its files, segments and indexes, and restarts. */
import t, { type Test } from 'tap'
import { openTestStorage, temporaryDirectory } from '../../testing/test-storage.ts'
import { type Engine, partitionLogsContract } from '../partition-logs.contract.ts'
import type { LocalStorage } from './local-storage.ts'

interface OpenEngine extends Engine {
  readonly directory: string
  readonly writeCaching: boolean
}

async function openEngine(t: Test, directory: string, writeCaching: boolean): Promise<OpenEngine> {
  const storage: LocalStorage = await openTestStorage({ directory, writeCaching })
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= storage.close()
    return closed
  }
  t.teardown(close)
  return { logs: storage.logs, catalog: storage.catalog, close, directory, writeCaching }
}

partitionLogsContract(t, 'local engine', {
  open: (t, { writeCaching }) => openEngine(t, temporaryDirectory(t), writeCaching),
  reopen: (t, engine) => {
    const { directory, writeCaching } = engine as OpenEngine
    return openEngine(t, directory, writeCaching)
  },
})
