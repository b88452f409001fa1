import { ProtocolError } from 'rtmpipe'
import { ReceiveBuffer } from '../../lib/rtmfp/flow/receive-buffer.ts'
import { readFlowMessage } from '../../lib/rtmfp/flow-mapping/flow-message.ts'
import { readFlowMetadata } from '../../lib/rtmfp/flow-mapping/flow-metadata.ts'
import { type RtmfpChunk, RtmfpChunkType } from '../../lib/rtmfp/wire/chunk.ts'
import { readFlowOptions } from '../../lib/rtmfp/wire/flow-options.ts'
import { readOptions } from '../../lib/rtmfp/wire/option.ts'
import { type RtmfpPacket, readPacket, writePacket } from '../../lib/rtmfp/wire/packet.ts'
import type { UserData } from '../../lib/rtmfp/wire/user-data.ts'
import { packetsOf, rtmfpCaptures } from '../support/rtmfp-captures.ts'
import type { Dice, Outcome } from './fuzzer.ts'

/** The packets of one capture, decrypted. */
export type RtmfpSample = readonly Buffer[]

export const rtmfpCorpus = (): RtmfpSample[] => rtmfpCaptures.map(packetsOf)

const TYPES = Object.values(RtmfpChunkType)
const TELLING = [0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff]
/** Variable length numbers: of 10 bytes, of 11, the largest that is read, and one more. */
const VLUS = ['80808080808080808001', '8080808080808080808001', '8fffffffffffff7f', '9080808080808000'].map(digits =>
  Buffer.from(digits, 'hex')
)

/** Choices, of whatever kind. */
export type Chance = Pick<Dice, 'below' | 'of'>

type Mutation = (packet: Buffer, chance: Chance, sample: RtmfpSample) => Buffer

const replaced = (packet: Buffer, at: number, count: number, by: Buffer): Buffer =>
  Buffer.concat([packet.subarray(0, at), by, packet.subarray(at + count)])

/** Where chunks begin. */
function chunkAt(packet: Buffer, dice: Chance): number {
  let at = 1 + ((packet[0]! & 8) >> 2) + ((packet[0]! & 4) >> 1)
  const found = [at]
  while (at + 3 <= packet.length) {
    found.push(at)
    at += 3 + packet.readUInt16BE(at + 1)
  }
  return dice.of(found)
}

/** Of a packet that has a byte, and others. */
export const packetMutations: readonly Mutation[] = [
  (packet, dice) => replaced(packet, dice.below(packet.length), 1, Buffer.of(dice.below(256))),
  (packet, dice) => replaced(packet, dice.below(packet.length), 2, Buffer.of(dice.of(TELLING), dice.of(TELLING))),
  (packet, dice) => replaced(packet, dice.below(packet.length), dice.below(3), dice.of(VLUS)),
  (packet, dice) => packet.subarray(0, dice.below(packet.length + 1)),
  (packet, dice) => replaced(packet, dice.below(packet.length), dice.below(40), Buffer.alloc(0)),
  (packet, dice, sample) => {
    const other = dice.of(sample)
    return replaced(packet, chunkAt(packet, dice), 0, other.subarray(chunkAt(other, dice)))
  },
  // those that know where chunks are: type, length, flags, the first numbers
  (packet, dice) => replaced(packet, chunkAt(packet, dice), 1, Buffer.of(dice.of(TYPES))),
  (packet, dice) => replaced(packet, chunkAt(packet, dice) + 1, 2, Buffer.of(dice.of([0, 0, 1, 255]), dice.below(256))),
  (packet, dice) => replaced(packet, chunkAt(packet, dice) + 3, 1, Buffer.of(dice.below(256))),
  (packet, dice) => replaced(packet, chunkAt(packet, dice) + 4 + dice.below(4), 1, dice.of(VLUS))
]

/** Some packets of a capture, in a row, a few of them changed, moved or repeated; each behind its length. */
export function mutatedPackets(samples: readonly RtmfpSample[], dice: Dice): Buffer {
  const sample = dice.of(samples)
  const from = dice.below(sample.length)
  const packets = sample.slice(from, from + 1 + dice.below(150))
  for (let count = 1 + dice.below(6); count > 0; count--) {
    const at = dice.below(packets.length)
    const packet = packets[at]!
    if (packet.length > 0 && dice.below(8) > 0)
      packets[at] = dice.of(packetMutations)(packet, dice, sample).subarray(0, 65_535)
    else packets.splice(dice.below(packets.length), 0, packet)
  }
  return Buffer.concat(packets.flatMap(packet => [Buffer.of(packet.length >>> 8, packet.length & 0xff), packet]))
}

const limits = { rtmfpGaps: 1, rtmfpFlowBytes: 1024, messageBytes: 2000 }

/** Reads such packets as the codecs and the flows of a session do. */
export function drivePackets(bytes: Buffer): Outcome {
  const flows = new Map<number, ReceiveBuffer>()
  let code = 'goes on'
  const heard = (error: unknown): void => {
    if (!(error instanceof ProtocolError) || error.layer !== 'rtmfp') throw error
    if (error.offset === undefined && error.code !== 'ERR_RTMP_MESSAGE_TOO_LONG')
      throw new Error('no offset', { cause: error })
    code = error.code
  }
  try {
    for (let at = 0; at + 2 <= bytes.length; ) {
      const end = at + 2 + bytes.readUInt16BE(at)
      const packet = orError(() => readPacket(bytes.subarray(at + 2, end)), heard)
      at = end
      if (packet === undefined) continue
      for (const chunk of packet.chunks) {
        if (chunk.kind === 'Malformed') heard(chunk.error)
        for (const field of optionFields(chunk)) orError(() => readOptions(field), heard)
        if (chunk.kind === 'UserData' || chunk.kind === 'NextUserData') receive(flows, chunk, heard)
      }
      readsAgain(packet)
    }
  } catch (error) {
    return { code: 'broken', broken: (error as Error).stack }
  }
  return { code, broken: undefined }
}

function orError<Value>(read: () => Value, heard: (error: unknown) => void): Value | undefined {
  try {
    return read()
  } catch (error) {
    heard(error)
    return undefined
  }
}

const optionFields = (chunk: RtmfpChunk): Buffer[] => [
  ...('endpointDiscriminator' in chunk ? [chunk.endpointDiscriminator] : []),
  ...('certificate' in chunk ? [chunk.certificate] : []),
  ...('keyComponent' in chunk ? [chunk.keyComponent] : [])
]

/** What was read can be written, and is read as the same again. */
function readsAgain({ padding: _, ...packet }: RtmfpPacket): void {
  const written = writePacket(packet)
  const again = writePacket(readPacket(written))
  if (!written.equals(again))
    throw new Error(`written as ${written.toString('hex')}, again as ${again.toString('hex')}`)
}

function receive(flows: Map<number, ReceiveBuffer>, data: UserData, heard: (error: unknown) => void): void {
  const flow =
    flows.get(data.flowId) ?? new ReceiveBuffer({ limits, order: data.flowId % 2 === 0 ? 'sequence' : 'network' })
  flows.set(data.flowId, flow)
  const { metadata } = readFlowOptions(data.options)
  const stream = metadata === undefined ? undefined : readFlowMetadata(metadata)
  const before = flow.cumulativeAck
  if (orError(() => flow.add(data), heard) === undefined) flow.reject()
  if (flow.cumulativeAck < before) throw new Error('cumulative acknowledgement went back')
  if (flow.gaps > limits.rtmfpGaps) throw new Error(`${flow.gaps} gaps`)
  if (flow.bufferedBytes > limits.rtmfpFlowBytes + limits.messageBytes)
    throw new Error(`${flow.bufferedBytes} bytes held`)
  // some flows are not read, as by an application that is slow
  if (data.flowId % 3 === 0) return
  for (let message = flow.take(); message !== undefined; message = flow.take()) {
    const { payload } = message
    orError(() => readFlowMessage(payload, stream?.messageStreamId ?? 0), heard)
  }
}
