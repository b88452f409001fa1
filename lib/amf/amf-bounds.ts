import { ProtocolError, type RtmpErrorCode } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'

/** Options of Amf0Reader and Amf3Reader. */
export interface AmfReaderOptions {
  /** The limits that differ from the defaults: see Limits. `amfDepth` and `amfNodes` are heeded. */
  limits?: Partial<Limits>
  /** Where the values begin in the bytes: 0. */
  start?: number
}

/** How deep the values of one body nest and how many there are; those in AMF0 and in AMF3 are counted together. */
export class AmfBounds {
  readonly #limits: Limits
  #depth = 0
  #nodes = 0

  constructor({ limits }: Pick<AmfReaderOptions, 'limits'> = {}) {
    this.#limits = limitsWith(limits)
  }

  /** One value more, or one name. */
  count(offset: number): void {
    if (++this.#nodes > this.#limits.amfNodes) throw amfError('ERR_RTMP_AMF_NODES', offset)
  }

  /** What `read` gives, one step deeper. */
  deeper<Value>(offset: number, read: () => Value): Value {
    if (++this.#depth > this.#limits.amfDepth) throw amfError('ERR_RTMP_AMF_DEPTH', offset)
    const value = read()
    this.#depth--
    return value
  }
}

export const amfError = (code: RtmpErrorCode, offset: number, detail?: string): ProtocolError =>
  new ProtocolError(code, { layer: 'amf', offset, detail })
