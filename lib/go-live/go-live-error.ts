import { RtmpError, type RtmpErrorCode } from '../errors.ts'

/** What a GoLiveError says beside its code. */
export interface GoLiveErrorFields {
  /** Details, which are part of the message. */
  detail: string
  /** The field at fault. */
  field?: string
  /** The HTTP status of the answer. */
  status?: number
}

/**
 * A go-live request or its answer that cannot be used. The code is `ERR_RTMP_GO_LIVE_FIELD`, `ERR_RTMP_GO_LIVE_HTTP` or
 * `ERR_RTMP_GO_LIVE_REFUSED`; the message names the field, and contains no value of one.
 */
export class GoLiveError extends RtmpError {
  override readonly name = 'GoLiveError'
  /** The field at fault, `preferences.canvases[0].width`; absent where none is. */
  declare readonly field?: string
  /** The HTTP status of an answer that is none; absent for other errors. */
  declare readonly status?: number

  constructor(code: RtmpErrorCode, { detail, field, status }: GoLiveErrorFields) {
    super(code, detail)
    if (field !== undefined) this.field = field
    if (status !== undefined) this.status = status
  }
}
