/**
 * With what the command exits: the codes of sysexits.h, which supervisors and shell scripts can tell apart. After a
 * second signal, which ends a stop that takes too long, it is 128 and the signal's number, as a shell has it.
 */
export const exitCodes = {
  /** Done. The broker: stopped by a signal, with everything accepted finished and on disk. */
  ok: 0,
  /** The command line is wrong. */
  usage: 64,
  /** The broker refused what was asked for: a bad value, a topic that exists already, a group in use. */
  refused: 65,
  /** The data that was verified is damaged. */
  damaged: 65,
  /** The file named with --config cannot be read; the topic or group that was named is not there. */
  noInput: 66,
  /** An address to listen on is taken or does not exist; no broker can be reached. */
  unavailable: 69,
  /** An error that we did not foresee: please report it. */
  software: 70,
  /** The data directory cannot be created, written, or is in use. */
  cannotCreate: 73,
  /** The output cannot be written. */
  ioError: 74,
  /** It took too long, or something is not ready yet: trying again may help. */
  tryAgain: 75,
  /** What answered is no Kafka broker, or lacks an API that is needed. */
  protocol: 76,
  /** The broker does not allow it to this user. */
  noPermission: 77,
  /** A setting has a bad value. */
  config: 78,
} as const

const networkCalls = ['listen', 'bind', 'getaddrinfo']

/** The code for an error that kept the broker from starting. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof Error)) return exitCodes.software
  // An error of the system may be wrapped in one that says what was tried.
  if (error.cause instanceof Error) return exitCodeOf(error.cause)
  const { syscall, code } = error as NodeJS.ErrnoException
  if (syscall !== undefined && networkCalls.includes(syscall)) return exitCodes.unavailable
  // Told apart by name, since the command does not know which storage engine there is.
  if (error.name === 'DataDirectoryError') return exitCodes.cannotCreate
  return syscall !== undefined && code !== undefined ? exitCodes.cannotCreate : exitCodes.software
}
