/** Which errors of the disk pass when somebody makes room, and which mean that it has failed. */
const passingErrors = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE'])

/** Whether it is one that passes by itself, or when somebody makes room. */
export function isPassingFailure(error: unknown): boolean {
  return passingErrors.has((error as NodeJS.ErrnoException).code ?? '')
}

/** Whether an error is the disk's and will not pass by itself, so that the log must go offline. */
export function isDiskFailure(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return typeof code === 'string' && !passingErrors.has(code)
}
