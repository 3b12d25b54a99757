/** What a run of the model found wrong; the kinds are those by which the torture's other checks speak, too. */
export type ModelViolationKind =
  | 'lost'
  | 'damaged'
  | 'duplicated'
  | 'never sent'
  | 'moved'
  | 'delivered, then gone'
  | 'acknowledged before its sync'
  | 'sequence refused'
  | 'send failed'
  | 'wrong log start'
  | 'topic gone'
  | 'id given twice'
  | 'does not start'
  | 'too slow'
  | 'crashed'

export class ModelViolation extends Error {
  override readonly name = 'ModelViolation'
  readonly kind: ModelViolationKind

  constructor(kind: ModelViolationKind, message: string) {
    super(message)
    this.kind = kind
  }
}

export function expect(
  condition: boolean,
  kind: ModelViolationKind,
  message: () => string,
): asserts condition {
  if (!condition) throw new ModelViolation(kind, message())
}
