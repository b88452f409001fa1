import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import { readVlu, writeVlu } from './vlu.ts'

/** Packet Fragment (RFC 7016, 2.3.1): a piece of a startup packet that is too large for the path. */
export interface PacketFragment {
  readonly kind: 'PacketFragment'
  /** Whether more fragments follow. */
  readonly more: boolean
  /** The same for all fragments of a packet. */
  readonly packetId: number
  /** Its number, from 0. */
  readonly fragmentNumber: number
  /** Its bytes of the packet. */
  readonly data: Buffer
}

const MORE_FLAG = 0x80

export const readPacketFragment = (reader: ByteReader): PacketFragment => ({
  kind: 'PacketFragment',
  more: (reader.u8() & MORE_FLAG) !== 0,
  packetId: readVlu(reader),
  fragmentNumber: readVlu(reader),
  // an empty fragment would make no progress
  data: reader.view(Math.max(1, reader.left))
})

export function writePacketFragment(
  writer: ByteWriter,
  { more, packetId, fragmentNumber, data }: PacketFragment
): void {
  writer.u8(more ? MORE_FLAG : 0)
  writeVlu(writer, packetId)
  writeVlu(writer, fragmentNumber)
  writer.raw(data)
}
