/**
 * A disk that writes down what is asked of it and fails where a test says so. It stands in front of a
 * real one, so what the engine leaves behind can be looked at and opened again. Paths are matched with
 * regular expressions; a fault lasts until it is healed or used up.
 */
import { type Disk, systemDisk } from '../platform/disk.ts'

export type DiskOperation = keyof Disk

export interface DiskCall {
  readonly operation: keyof Disk
  readonly path: string
  /** Bytes written, read or cut to. */
  readonly size: number
  readonly position: number
  /** Asynchronous calls: whether the answer has been given. */
  done: boolean
}

export interface Fault {
  readonly operation: keyof Disk
  readonly path?: RegExp
  readonly code: 'ENOSPC' | 'EDQUOT' | 'EIO' | 'EROFS' | 'EMFILE'
  /** How often it strikes; default: until it is healed. */
  readonly times?: number
  /** Bytes that a failing write still gets to the file. */
  readonly bytesWritten?: number
}

export interface HeldCalls {
  /** Calls that wait. */
  readonly count: number
  /** Lets those that wait go on, and later ones pass. */
  release(): void
}

export interface FaultyDisk extends Disk {
  readonly calls: DiskCall[]
  /** Paths of open descriptors. */
  readonly open: ReadonlyMap<number, string>
  inject(fault: Fault): { heal(): void }
  /** Makes asynchronous calls wait. */
  hold(operation: 'sync' | 'syncDirectory' | 'readLater' | 'removeLater', path?: RegExp): HeldCalls
  callsOf(operation: keyof Disk, path?: RegExp): DiskCall[]
}

export function faultyDisk(inner: Disk = systemDisk()): FaultyDisk {
  const calls: DiskCall[] = []
  const open = new Map<number, string>()
  const faults: { fault: Fault; left: number }[] = []
  const holds: { operation: keyof Disk; path: RegExp; waiting: (() => void)[] }[] = []

  const pathOf = (descriptor: number): string => open.get(descriptor) ?? `closed descriptor ${descriptor}`

  function note(operation: keyof Disk, path: string, size = 0, position = 0): DiskCall {
    const call = { operation, path, size, position, done: true }
    calls.push(call)
    return call
  }

  function faultFor(operation: keyof Disk, path: string): Fault | undefined {
    const found = faults.find(
      ({ fault, left }) =>
        left > 0 && fault.operation === operation && (fault.path === undefined || fault.path.test(path)),
    )
    if (found === undefined) return undefined
    found.left--
    return found.fault
  }

  function failure(fault: Fault, path: string): Error {
    return Object.assign(new Error(`${fault.code}: injected, ${fault.operation} '${path}'`), {
      code: fault.code,
    })
  }

  function step(operation: keyof Disk, path: string, size = 0, position = 0): void {
    note(operation, path, size, position)
    const fault = faultFor(operation, path)
    if (fault !== undefined) throw failure(fault, path)
  }

  async function laterStep<T>(call: DiskCall, work: () => Promise<T>): Promise<T> {
    call.done = false
    const hold = holds.find(({ operation, path }) => operation === call.operation && path.test(call.path))
    if (hold !== undefined) await new Promise<void>(resolve => hold.waiting.push(resolve))
    const fault = faultFor(call.operation, call.path)
    if (fault !== undefined) throw failure(fault, call.path)
    const result = await work()
    call.done = true
    return result
  }

  function opened(descriptor: number, path: string): number {
    open.set(descriptor, path)
    return descriptor
  }

  return {
    calls,
    open,
    inject(fault) {
      const entry = { fault, left: fault.times ?? Number.POSITIVE_INFINITY }
      faults.push(entry)
      return {
        heal() {
          entry.left = 0
        },
      }
    },
    hold(operation, path = /./) {
      const entry = { operation, path, waiting: [] as (() => void)[] }
      holds.push(entry)
      return {
        get count() {
          return entry.waiting.length
        },
        release() {
          holds.splice(holds.indexOf(entry), 1)
          for (const go of entry.waiting.splice(0)) go()
        },
      }
    },
    callsOf: (operation, path = /./) =>
      calls.filter(call => call.operation === operation && path.test(call.path)),

    openForRead(path) {
      step('openForRead', path)
      return opened(inner.openForRead(path), path)
    },
    openForWrite(path, create) {
      step('openForWrite', path)
      return opened(inner.openForWrite(path, create), path)
    },
    close(descriptor) {
      note('close', pathOf(descriptor))
      if (!open.delete(descriptor)) throw new Error(`descriptor ${descriptor} is closed already`)
      inner.close(descriptor)
    },
    size(descriptor) {
      step('size', pathOf(descriptor))
      return inner.size(descriptor)
    },
    sizeOf(path) {
      step('sizeOf', path)
      return inner.sizeOf(path)
    },
    modifiedTimeMs(path) {
      step('modifiedTimeMs', path)
      return inner.modifiedTimeMs(path)
    },
    write(descriptor, bytes, position) {
      const path = pathOf(descriptor)
      note('write', path, bytes.length, position)
      const fault = faultFor('write', path)
      if (fault === undefined) return inner.write(descriptor, bytes, position)
      if (fault.bytesWritten) inner.write(descriptor, bytes.subarray(0, fault.bytesWritten), position)
      throw failure(fault, path)
    },
    truncate(descriptor, size) {
      step('truncate', pathOf(descriptor), size)
      inner.truncate(descriptor, size)
    },
    read(descriptor, target, offset, length, position) {
      step('read', pathOf(descriptor), length, position)
      return inner.read(descriptor, target, offset, length, position)
    },
    readLater(descriptor, target, offset, length, position) {
      const call = note('readLater', pathOf(descriptor), length, position)
      return laterStep(call, () => inner.readLater(descriptor, target, offset, length, position))
    },
    sync(descriptor) {
      return laterStep(note('sync', pathOf(descriptor)), () => inner.sync(descriptor))
    },
    syncNow(descriptor) {
      step('syncNow', pathOf(descriptor))
      inner.syncNow(descriptor)
    },
    syncDirectory(path) {
      return laterStep(note('syncDirectory', path), () => inner.syncDirectory(path))
    },
    makeDirectory(path) {
      step('makeDirectory', path)
      inner.makeDirectory(path)
    },
    list(path) {
      step('list', path)
      return inner.list(path)
    },
    isDirectory(path) {
      step('isDirectory', path)
      return inner.isDirectory(path)
    },
    readFile(path) {
      step('readFile', path)
      return inner.readFile(path)
    },
    replaceFile(path, content, durable) {
      step('replaceFile', path, content.length)
      inner.replaceFile(path, content, durable)
    },
    rename(from, to) {
      step('rename', from)
      inner.rename(from, to)
    },
    remove(path) {
      step('remove', path)
      inner.remove(path)
    },
    removeLater(path) {
      return laterStep(note('removeLater', path), () => inner.removeLater(path))
    },
  }
}
