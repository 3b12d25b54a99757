/** How many connections there may be, in all and from one address (`max.connections` and its kin). */
export class ConnectionBudget {
  private max: number
  private maxPerIp: number
  private overrides: ReadonlyMap<string, number>
  private total = 0
  private readonly perIp = new Map<string, number>()

  constructor(max: number, maxPerIp: number, overrides: ReadonlyMap<string, number>) {
    this.max = max
    this.maxPerIp = maxPerIp
    this.overrides = overrides
  }

  /** Other limits from now on. Connections beyond them that are there already may stay. */
  limit(max: number, maxPerIp: number, overrides: ReadonlyMap<string, number>): void {
    this.max = max
    this.maxPerIp = maxPerIp
    this.overrides = overrides
  }

  /** Counts a connection in and gives the function that counts it out; undefined when there is no room. */
  take(ip: string): (() => void) | undefined {
    const count = this.perIp.get(ip) ?? 0
    if (this.total >= this.max || count >= (this.overrides.get(ip) ?? this.maxPerIp)) return undefined
    this.total++
    this.perIp.set(ip, count + 1)
    return () => {
      this.total--
      const left = (this.perIp.get(ip) ?? 1) - 1
      if (left === 0) this.perIp.delete(ip)
      else this.perIp.set(ip, left)
    }
  }
}
