/**
 * Finds zstd among the batches of a read, for consumers that are too old for it (Fetch below version
 * 10). Looks at batch headers only, which may lie across two chunks.
 *
 * Of a batch (magic 2) it reads the length at byte 8, counted from byte 12, and the low byte of the
 * attributes at byte 22, whose lowest three bits name the compression.
 */
const sizeAt = 8
const sizeEnd = 12
const attributesAt = 22
const compressionMask = 0x07
const zstd = 4

export function containsZstd(chunks: readonly Buffer[]): boolean {
  let total = 0
  for (const chunk of chunks) total += chunk.length
  let chunk = 0
  let chunkStart = 0
  const byteAt = (position: number): number => {
    while (position - chunkStart >= chunks[chunk]!.length) chunkStart += chunks[chunk++]!.length
    return chunks[chunk]![position - chunkStart]!
  }
  for (let at = 0; at + attributesAt < total; ) {
    let size = 0
    for (let i = at + sizeAt; i < at + sizeEnd; i++) size = size * 256 + byteAt(i)
    if ((byteAt(at + attributesAt) & compressionMask) === zstd) return true
    at += sizeEnd + size
  }
  return false
}
