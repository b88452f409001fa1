import { RtmpError, type RtmpErrorCode } from '../errors.ts'

/** The fields of a GoLiveError. */
export interface GoLiveErrorFields {
  /** Details, which are part of the message. */
  detail: string
  /** The invalid field. */
  field?: string
  /** The HTTP status of the answer. */
  status?: number
}

/**
 * A go-live request, or an answer to one, is invalid or refused. The code is `ERR_RTMP_GO_LIVE_FIELD`, `ERR_RTMP_GO_LIVE_HTTP` or
 * `ERR_RTMP_GO_LIVE_REFUSED`. The message names an invalid field, and contains no string of the request, which may be a key.
 */
export class GoLiveError extends RtmpError {
  override readonly name = 'GoLiveError'
  /** The invalid field, `preferences.canvases[0].width`; absent for other errors. */
  declare readonly field?: string
  /** The HTTP status of the answer, for `ERR_RTMP_GO_LIVE_HTTP`; absent for other errors. */
  declare readonly status?: number

  constructor(code: RtmpErrorCode, { detail, field, status }: GoLiveErrorFields) {
    super(code, detail)
    if (field !== undefined) this.field = field
    if (status !== undefined) this.status = status
  }
}
