/**
 * Filters of access control lists. Kafka takes a request whose filter says "unknown" for one that it cannot read, and
 * closes the connection.
 */
export interface AclFilter {
  readonly resourceTypeFilter: number
  readonly patternTypeFilter: number
  readonly operation: number
  readonly permissionType: number
}

const unknown = 0
const lastPatternType = 4

export function isReadable(filter: AclFilter): boolean {
  const { resourceTypeFilter, patternTypeFilter, operation, permissionType } = filter
  return (
    patternTypeFilter > unknown &&
    patternTypeFilter <= lastPatternType &&
    [resourceTypeFilter, operation, permissionType].every(value => value !== unknown)
  )
}
