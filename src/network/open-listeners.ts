/**
 * The listeners that are open, and follow the setting `listeners` while the broker runs (KIP-226): one with a new name
 * is opened, one whose name is gone accepts nothing more and lets its connections finish what they started. As in
 * Kafka one whose name stays stays as it is, whatever its address has become: that counts from the next start on.
 *
 * A change that cannot be carried out, because the address is taken, is told in the log: it is stored by then, and the
 * others go on. Changes are made one after the other.
 */
import type { Logger } from '../platform/logger.ts'
import type { Listener as ListenerSetting } from '../settings/listeners.ts'
import type { Listener } from './listener.ts'

export class OpenListeners {
  /** In the order in which they were opened; always the same array. */
  readonly all: Listener[] = []
  private readonly listenAt: (address: ListenerSetting) => Promise<Listener>
  private readonly logger: Logger
  private readonly closeTimeoutMs: number
  private settings: readonly ListenerSetting[] = []
  private changing: Promise<void> = Promise.resolve()
  private readonly closing = new Set<Promise<void>>()
  private isStopping = false

  constructor(
    listenAt: (address: ListenerSetting) => Promise<Listener>,
    logger: Logger,
    closeTimeoutMs: number,
  ) {
    this.listenAt = listenAt
    this.logger = logger
    this.closeTimeoutMs = closeTimeoutMs
  }

  /**
   * Opens all that there are at the start. Throws where one of `required` cannot be opened: another one was added while
   * the broker ran, and must not keep it from the start after which it could be taken away.
   */
  async open(settings: readonly ListenerSetting[], required: readonly ListenerSetting[]): Promise<void> {
    this.settings = settings
    for (const address of settings) {
      if (required.some(({ name }) => name === address.name)) this.all.push(await this.listenAt(address))
      else await this.tryToOpen(address)
    }
  }

  /** What clients that came through a listener are told; undefined: what they reached. */
  advertised(name: string): ListenerSetting['advertised'] {
    return this.settings.find(address => address.name === name)?.advertised
  }

  /** Opens and closes what is different now. */
  follow(settings: readonly ListenerSetting[]): void {
    this.changing = this.changing.then(() => this.change(settings))
  }

  private async change(settings: readonly ListenerSetting[]): Promise<void> {
    if (this.isStopping) return
    this.settings = settings
    for (const listener of this.all.filter(({ name }) => !settings.some(address => address.name === name))) {
      this.all.splice(this.all.indexOf(listener), 1)
      listener.stopAccepting()
      this.logger.info({ listener: listener.name }, 'a listener is closed')
      const closed = listener.close(this.closeTimeoutMs).finally(() => this.closing.delete(closed))
      this.closing.add(closed)
    }
    for (const address of settings) {
      if (this.all.some(({ name }) => name === address.name)) continue
      await this.tryToOpen(address)
    }
  }

  private async tryToOpen(address: ListenerSetting): Promise<void> {
    try {
      const listener = await this.listenAt(address)
      this.all.push(listener)
      this.logger.info({ listener: listener.name, port: listener.port }, 'a listener is opened')
    } catch (error) {
      this.logger.error({ err: error, listener: address.name }, 'a listener cannot be opened')
    }
  }

  /** Accepts nothing more, and opens nothing more. */
  async stopAccepting(): Promise<void> {
    this.isStopping = true
    await this.changing
    for (const listener of this.all) listener.stopAccepting()
  }

  async close(): Promise<void> {
    await Promise.all([...this.all.map(listener => listener.close(this.closeTimeoutMs)), ...this.closing])
  }
}
