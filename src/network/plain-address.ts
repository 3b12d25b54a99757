/** An address as a client would write it: IPv4 in its plain form also where it was mapped into IPv6. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return ''
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
