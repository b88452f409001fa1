import { ByteReader } from '../../bytes/byte-reader.ts'
import { ByteWriter } from '../../bytes/byte-writer.ts'
import { ProtocolError } from '../../errors.ts'
import { readOptions, writeOption } from '../wire/option.ts'
import { readVlu, writeVlu } from '../wire/vlu.ts'
import { type GroupKey, readGroup, readGroupKey, writeGroup, writeGroupKey } from './group-key.ts'
import type { Terms } from './terms.ts'

/** The contribution of an end to the keys of a session: a Session Key Initiator or Responder Component, SKIC or SKRC (RFC 7425, 4.5). */
export interface KeyComponent {
  /** The public key of an end whose certificate is ephemeral. */
  readonly ephemeralKey?: GroupKey | undefined
  /** The group of the key that an initiator with a static certificate uses. */
  readonly selectedGroup?: number | undefined
  /** The random bytes, 16 to 64, of an end whose certificate is static, in place of a new key. */
  readonly randomness?: Buffer | undefined
  readonly terms: Terms
}

/** Components of known programs have up to 600 bytes. A session keeps both components. */
const MAX_LENGTH = 4096

/** The option types of components (RFC 7425, 4.5.2). */
const ComponentOption = {
  EphemeralKey: 0x0d,
  ExtraRandomness: 0x0e,
  HmacNegotiation: 0x1a,
  GroupSelect: 0x1d,
  SequenceNegotiation: 0x1e
} as const

/**
 * Reads a component. Of a repeated option the last one counts. Without the options for HMACs or sequence numbers, the end supports neither.
 * @throws ProtocolError `ERR_RTMP_RTMFP_KEYING` if it is too long, `ERR_RTMP_VLU`, `ERR_RTMP_TRUNCATED`.
 */
export function readKeyComponent(bytes: Buffer): KeyComponent {
  if (bytes.length > MAX_LENGTH)
    throw new ProtocolError('ERR_RTMP_RTMFP_KEYING', {
      layer: 'rtmfp',
      detail: `component of ${bytes.length} bytes is too long`
    })
  const values = new Map(readOptions(bytes).map(option => [option?.type, option?.value]))
  const ephemeralKey = values.get(ComponentOption.EphemeralKey)
  const selectedGroup = values.get(ComponentOption.GroupSelect)
  return {
    ephemeralKey: ephemeralKey && readGroupKey(ephemeralKey),
    selectedGroup: selectedGroup && readGroup(selectedGroup),
    randomness: values.get(ComponentOption.ExtraRandomness),
    terms: readTerms(values.get(ComponentOption.HmacNegotiation), values.get(ComponentOption.SequenceNegotiation))
  }
}

function readTerms(hmac: Buffer | undefined, sequence: Buffer | undefined): Terms {
  const reader = new ByteReader(hmac ?? Buffer.alloc(0), 'rtmfp')
  const flags = reader.left > 0 ? reader.u8() : 0
  return { hmac: flags, hmacLength: reader.left > 0 ? readVlu(reader) : 0, sequence: sequence?.[0] ?? 0 }
}

/** The bytes of a component: the inverse of readKeyComponent. */
export function writeKeyComponent({ ephemeralKey, selectedGroup, randomness, terms }: KeyComponent): Buffer {
  const writer = new ByteWriter()
  const write = (type: number, value: Buffer) => writeOption(writer, { type, value })
  if (selectedGroup !== undefined) write(ComponentOption.GroupSelect, writeGroup(selectedGroup))
  if (randomness !== undefined) write(ComponentOption.ExtraRandomness, randomness)
  if (ephemeralKey !== undefined) write(ComponentOption.EphemeralKey, writeGroupKey(ephemeralKey))
  const hmac = new ByteWriter(2).u8(terms.hmac)
  writeVlu(hmac, terms.hmacLength)
  write(ComponentOption.HmacNegotiation, hmac.done())
  write(ComponentOption.SequenceNegotiation, Buffer.of(terms.sequence))
  return writer.done()
}
