import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'

/** Ping, and Ping Reply, which has the message of the Ping (RFC 7016, 2.3.9, 2.3.10). */
export interface Ping {
  readonly kind: 'Ping' | 'PingReply'
  readonly message: Buffer
}

/** Session Close Request, and Session Close Acknowledgement (RFC 7016, 2.3.17, 2.3.18): without a payload. */
export interface Close {
  readonly kind: 'Close' | 'CloseAck'
}

export const readPing = (reader: ByteReader): Ping => ({ kind: 'Ping', message: reader.view(reader.left) })

export const readPingReply = (reader: ByteReader): Ping => ({ kind: 'PingReply', message: reader.view(reader.left) })

export function writePing(writer: ByteWriter, { message }: Ping): void {
  writer.raw(message)
}

export const readClose = (): Close => ({ kind: 'Close' })

export const readCloseAck = (): Close => ({ kind: 'CloseAck' })
