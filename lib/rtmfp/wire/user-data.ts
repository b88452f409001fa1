import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import { ProtocolError } from '../../errors.ts'
import { type Option, optionListLength, readOptionList, writeOptionList } from './option.ts'
import { MAX_VLU_LENGTH, readVlu, vluLength, writeVlu } from './vlu.ts'

/** The position of a fragment in its message (RFC 7016, 2.3.11), in the order of their codes. */
const fragmentControls = ['whole', 'begin', 'end', 'middle'] as const

export type FragmentControl = (typeof fragmentControls)[number]

/**
 * User Data (RFC 7016, 2.3.11): one fragment of a message of a flow. Next User Data (2.3.12) leaves out what follows from the User Data
 * before it in its packet: the same flow and forward sequence number, and the next sequence number.
 */
export interface UserData {
  readonly kind: 'UserData' | 'NextUserData'
  readonly flowId: number
  /** The number of the fragment in its flow, from 1. */
  readonly sequenceNumber: number
  /** No fragment up to this number will be sent again. */
  readonly forwardSequenceNumber: number
  readonly fragmentControl: FragmentControl
  /** Whether the sender has abandoned the fragment; its data is ignored. */
  readonly abandon: boolean
  /** Whether it is the last fragment of its flow. */
  readonly final: boolean
  /** The options that open the flow, until the flow is acknowledged: see flowOptions. */
  readonly options: readonly Option[]
  readonly data: Buffer
}

const OPTIONS_FLAG = 0x80
const ABANDON_FLAG = 0x02
const FINAL_FLAG = 0x01
const none: readonly Option[] = Object.freeze([])

/** @throws ProtocolError `ERR_RTMP_RTMFP_CHUNK` if the forward sequence number is below 0, `ERR_RTMP_VLU`, `ERR_RTMP_TRUNCATED`. */
export function readUserData(reader: ByteReader): UserData {
  const { offset } = reader
  const flags = reader.u8()
  const flowId = readVlu(reader)
  const sequenceNumber = readVlu(reader)
  const forwardSequenceNumber = sequenceNumber - readVlu(reader)
  if (forwardSequenceNumber < 0)
    throw new ProtocolError('ERR_RTMP_RTMFP_CHUNK', {
      layer: 'rtmfp',
      offset,
      detail: 'fsnOffset exceeds the sequence number'
    })
  return fragment('UserData', flags, flowId, sequenceNumber, forwardSequenceNumber, reader)
}

/**
 * `previous` is the User Data or Next User Data before it in the packet.
 * @throws ProtocolError `ERR_RTMP_RTMFP_CHUNK` if there is none, `ERR_RTMP_VLU`, `ERR_RTMP_TRUNCATED`.
 */
export function readNextUserData(reader: ByteReader, previous: UserData | undefined): UserData {
  const { offset } = reader
  if (previous === undefined)
    throw new ProtocolError('ERR_RTMP_RTMFP_CHUNK', {
      layer: 'rtmfp',
      offset,
      detail: 'Next User Data without User Data'
    })
  const { flowId, sequenceNumber, forwardSequenceNumber } = previous
  if (sequenceNumber === Number.MAX_SAFE_INTEGER) throw new ProtocolError('ERR_RTMP_VLU', { layer: 'rtmfp', offset })
  const flags = reader.u8()
  return fragment('NextUserData', flags, flowId, sequenceNumber + 1, forwardSequenceNumber, reader)
}

function fragment(
  kind: UserData['kind'],
  flags: number,
  flowId: number,
  sequenceNumber: number,
  forwardSequenceNumber: number,
  reader: ByteReader
): UserData {
  const options = (flags & OPTIONS_FLAG) === 0 ? none : readOptionList(reader)
  return {
    kind,
    flowId,
    sequenceNumber,
    forwardSequenceNumber,
    fragmentControl: fragmentControls[(flags >> 4) & 0x03]!,
    abandon: (flags & ABANDON_FLAG) !== 0,
    final: (flags & FINAL_FLAG) !== 0,
    options,
    data: reader.view(reader.left)
  }
}

/** The most bytes of User Data beside its options and data: flags, and three VLUs. */
export const MAX_USER_DATA_HEADER: number = 1 + 3 * MAX_VLU_LENGTH

/** Bytes that writeUserData writes. */
export function userDataLength({
  kind,
  flowId,
  sequenceNumber,
  forwardSequenceNumber,
  options,
  data
}: UserData): number {
  const optionsLength = options.length === 0 ? 0 : optionListLength(options)
  const length = 1 + optionsLength + data.length
  if (kind === 'NextUserData') return length
  return length + vluLength(flowId) + vluLength(sequenceNumber) + vluLength(sequenceNumber - forwardSequenceNumber)
}

export function writeUserData(writer: ByteWriter, chunk: UserData): void {
  const { kind, flowId, sequenceNumber, forwardSequenceNumber, fragmentControl, abandon, final, options, data } = chunk
  writer.u8(
    (options.length > 0 ? OPTIONS_FLAG : 0) |
      (fragmentControls.indexOf(fragmentControl) << 4) |
      (abandon ? ABANDON_FLAG : 0) |
      (final ? FINAL_FLAG : 0)
  )
  if (kind === 'UserData') {
    writeVlu(writer, flowId)
    writeVlu(writer, sequenceNumber)
    writeVlu(writer, sequenceNumber - forwardSequenceNumber)
  }
  if (options.length > 0) writeOptionList(writer, options)
  writer.raw(data)
}
