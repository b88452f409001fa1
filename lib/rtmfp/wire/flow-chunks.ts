import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import { readVlu, writeVlu } from './vlu.ts'

/** Buffer Probe (RFC 7016, 2.3.15): the sender of a flow asks for an acknowledgement, because the last one announced no room. */
export interface BufferProbe {
  readonly kind: 'BufferProbe'
  readonly flowId: number
}

/** Flow Exception Report (RFC 7016, 2.3.16): the receiver of a flow rejects it. */
export interface FlowException {
  readonly kind: 'FlowException'
  readonly flowId: number
  /** The code of the application; 0 if it chose none. */
  readonly exceptionCode: number
}

export const readBufferProbe = (reader: ByteReader): BufferProbe => ({ kind: 'BufferProbe', flowId: readVlu(reader) })

export function writeBufferProbe(writer: ByteWriter, { flowId }: BufferProbe): void {
  writeVlu(writer, flowId)
}

export const readFlowException = (reader: ByteReader): FlowException => ({
  kind: 'FlowException',
  flowId: readVlu(reader),
  exceptionCode: readVlu(reader)
})

export function writeFlowException(writer: ByteWriter, { flowId, exceptionCode }: FlowException): void {
  writeVlu(writer, flowId)
  writeVlu(writer, exceptionCode)
}
