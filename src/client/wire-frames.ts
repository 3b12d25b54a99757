/**
 * Requests and responses as frames: an int32 size, a header, a body. This is the client's side of what
 * `network/` and `requests/dispatch.ts` do in the broker.
 */
import { codecFor } from '../../protocol-codecs/compile-codec.ts'
import { requestHeader } from '../../protocol-codecs/messages/request-header.ts'
import { responseHeader } from '../../protocol-codecs/messages/response-header.ts'
import type { Infer, InferInput, Message } from '../../protocol-codecs/schema.ts'
import { inVersions } from '../../protocol-codecs/versions.ts'
import { WireReader } from '../../protocol-codecs/wire-reader.ts'
import { WireWriter } from '../../protocol-codecs/wire-writer.ts'

export const frameSizeBytes = 4
const apiVersionsKey = 18

/** A request with its header as a gather list, without the size in front. */
export function requestChunks<Q extends Message>(
  request: Q,
  version: number,
  value: InferInput<Q>,
  correlationId: number,
  clientId: string | null,
): Buffer[] {
  const writer = new WireWriter()
  codecFor(requestHeader, inVersions(request.flexible, version) ? 2 : 1).encode(writer, {
    requestApiKey: request.apiKey!,
    requestApiVersion: version,
    correlationId,
    clientId,
  })
  codecFor(request, version).encode(writer, value)
  return writer.drain()
}

/** Reads a response frame without its size; the header and body of the version that was asked for. */
export function decodeResponse<R extends Message>(
  response: R,
  version: number,
  frame: Buffer,
): { correlationId: number; body: () => Infer<R> } {
  const reader = new WireReader(frame)
  const { correlationId } = codecFor(responseHeader, responseHeaderVersion(response, version)).decode(reader)
  return { correlationId, body: () => codecFor(response, version).decode(reader) }
}

/** ApiVersions answers with the oldest header always: its reader does not know yet what it talks to. */
export function responseHeaderVersion(response: Message, version: number): number {
  if (response.apiKey === apiVersionsKey) return 0
  return inVersions(response.flexible, version) ? 1 : 0
}

/** Cuts a byte stream into frames. Pieces of an unfinished one are joined once, when its end is there. */
export class FrameCutter {
  private readonly maxFrameSize: number
  private pieces: Buffer[] = []
  private size = 0

  constructor(maxFrameSize: number) {
    this.maxFrameSize = maxFrameSize
  }

  /** The frames, without their sizes, that these bytes finish; or the first bytes of what can be no frame. */
  add(bytes: Buffer): Buffer[] | { readonly notAFrame: Buffer } {
    this.pieces.push(bytes)
    this.size += bytes.length
    const frames: Buffer[] = []
    while (this.size >= frameSizeBytes) {
      if (this.pieces[0]!.length < frameSizeBytes) this.join()
      const frameSize = this.pieces[0]!.readInt32BE(0)
      if (frameSize < frameSizeBytes || frameSize > this.maxFrameSize) return { notAFrame: this.pieces[0]! }
      const end = frameSizeBytes + frameSize
      if (this.size < end) break
      this.join()
      const all = this.pieces[0]!
      frames.push(all.subarray(frameSizeBytes, end))
      this.pieces = end === all.length ? [] : [all.subarray(end)]
      this.size -= end
    }
    return frames
  }

  private join(): void {
    if (this.pieces.length > 1) this.pieces = [Buffer.concat(this.pieces, this.size)]
  }
}
