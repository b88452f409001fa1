import { ByteReader } from '../../bytes/byte-reader.ts'
import { ByteWriter } from '../../bytes/byte-writer.ts'
import { ProtocolError } from '../../errors.ts'
import { type Limits, limitsWith } from '../../limits.ts'
import type { Option } from './option.ts'
import { readVlu, writeVlu } from './vlu.ts'

/** The options of User Data (RFC 7016, 2.3.11.1). */
const METADATA = 0x00
const RETURN_FLOW_ASSOCIATION = 0x0a
/** Unknown options of this type and above are ignored; lower ones reject the flow. */
const OPTIONAL = 8192

/** The fields that open a flow: the options of its first fragments (RFC 7016, 2.3.11.1). */
export interface FlowOptions {
  /** Tells what the flow is for. */
  readonly metadata?: Buffer
  /** The id of a flow of the other side, which this one answers. */
  readonly returnFlowId?: number
  /** Why the flow is to be rejected: an unknown or invalid option. */
  readonly rejected?: string
}

export function readFlowOptions(options: readonly Option[], limits?: Partial<Limits>): FlowOptions {
  const { rtmfpMetadataBytes } = limitsWith(limits)
  const found: { -readonly [Name in keyof FlowOptions]: FlowOptions[Name] } = {}
  for (const { type, value } of options) {
    if (type === METADATA) {
      if (value.length > rtmfpMetadataBytes) found.rejected = `metadata of ${value.length} bytes`
      else found.metadata ??= value
    } else if (type === RETURN_FLOW_ASSOCIATION) {
      const flowId = flowIdIn(value)
      if (flowId === undefined) found.rejected = 'return flow association is invalid'
      else found.returnFlowId ??= flowId
    } else if (type < OPTIONAL) found.rejected = `option ${type} is unknown`
  }
  return found
}

function flowIdIn(value: Buffer): number | undefined {
  try {
    return readVlu(new ByteReader(value, 'rtmfp'))
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

export function flowOptions({ metadata, returnFlowId }: Omit<FlowOptions, 'rejected'>): Option[] {
  const options: Option[] = []
  if (metadata !== undefined) options.push({ type: METADATA, value: metadata })
  if (returnFlowId !== undefined) {
    const value = new ByteWriter(10)
    writeVlu(value, returnFlowId)
    options.push({ type: RETURN_FLOW_ASSOCIATION, value: value.done() })
  }
  return options
}
