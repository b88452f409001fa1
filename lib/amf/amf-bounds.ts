import { ProtocolError, type RtmpErrorCode } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'

/** Options of Amf0Reader and Amf3Reader. */
export interface AmfReaderOptions {
  /** Limits that differ from the defaults: see Limits. `amfDepth` and `amfNodes` apply. */
  limits?: Partial<Limits>
  /** Where the values begin in the bytes: 0. */
  start?: number
}

/** The depth and number of the values of one body; those of AMF0 and AMF3 are counted together. */
export class AmfBounds {
  readonly #limits: Limits
  #depth = 0
  #nodes = 0

  constructor({ limits }: Pick<AmfReaderOptions, 'limits'> = {}) {
    this.#limits = limitsWith(limits)
  }

  /** Counts one more value, or one more name. */
  count(offset: number): void {
    if (++this.#nodes > this.#limits.amfNodes) throw amfError('ERR_RTMP_AMF_NODES', offset)
  }

  /** The result of `read`, one level deeper. */
  deeper<Value>(offset: number, read: () => Value): Value {
    if (++this.#depth > this.#limits.amfDepth) throw amfError('ERR_RTMP_AMF_DEPTH', offset)
    const value = read()
    this.#depth--
    return value
  }
}

export const amfError = (code: RtmpErrorCode, offset: number, detail?: string): ProtocolError =>
  new ProtocolError(code, { layer: 'amf', offset, detail })
