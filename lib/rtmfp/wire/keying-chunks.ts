import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import { readSized, writeSized } from './vlu.ts'

/** Initiator Initial Keying (RFC 7016, 2.3.7). */
export interface IIKeying {
  readonly kind: 'IIKeying'
  /** The session id, 32 bits, for packets to the initiator. */
  readonly initiatorSessionId: number
  readonly cookieEcho: Buffer
  readonly certificate: Buffer
  /** The Session Key Initiator Component, SKIC. */
  readonly keyComponent: Buffer
  readonly signature: Buffer
}

/** Responder Initial Keying (RFC 7016, 2.3.8). */
export interface RIKeying {
  readonly kind: 'RIKeying'
  /** The session id, 32 bits, for packets to the responder. */
  readonly responderSessionId: number
  /** The Session Key Responder Component, SKRC. */
  readonly keyComponent: Buffer
  readonly signature: Buffer
}

export const readIIKeying = (reader: ByteReader): IIKeying => ({
  kind: 'IIKeying',
  initiatorSessionId: reader.u32(),
  cookieEcho: readSized(reader),
  certificate: readSized(reader),
  keyComponent: readSized(reader),
  signature: reader.view(reader.left)
})

export function writeIIKeying(writer: ByteWriter, chunk: IIKeying): void {
  writer.u32(chunk.initiatorSessionId)
  writeSized(writer, chunk.cookieEcho)
  writeSized(writer, chunk.certificate)
  writeSized(writer, chunk.keyComponent)
  writer.raw(chunk.signature)
}

export const readRIKeying = (reader: ByteReader): RIKeying => ({
  kind: 'RIKeying',
  responderSessionId: reader.u32(),
  keyComponent: readSized(reader),
  signature: reader.view(reader.left)
})

export function writeRIKeying(writer: ByteWriter, { responderSessionId, keyComponent, signature }: RIKeying): void {
  writer.u32(responderSessionId)
  writeSized(writer, keyComponent)
  writer.raw(signature)
}
