import { ProtocolError } from '../../errors.ts'

/** What an end says of HMACs and of session sequence numbers; any of these bits together (RFC 7425, 4.5.2.4, 4.5.2.5). */
export const Term = {
  /** It wants them from the other. */
  Requests: 1,
  /** It sends them if the other requests them. */
  SendsOnRequest: 2,
  /** It sends them anyway. */
  SendsAlways: 4
} as const

/** The terms of one end. */
export interface Terms {
  /** Bits of Term, for HMACs. */
  readonly hmac: number
  /** Bytes of the HMACs that it would send, 4 to 32; 0 only if it never sends any. */
  readonly hmacLength: number
  /** Bits of Term, for session sequence numbers. */
  readonly sequence: number
}

/** What an end wants of a session. */
export interface AgreementOptions {
  readonly terms: Terms
  /** Whether a peer whose packets would have no HMAC or no session sequence number is refused. */
  readonly isStrict?: boolean
}

/**
 * Requests both, and sends both on request. That an end always sends them would break programs that know neither, such as MonaServer; to
 * those that do, rtmfp-cpp's, it comes to the same.
 */
export const defaultTerms: Terms = Object.freeze({
  hmac: Term.Requests | Term.SendsOnRequest,
  hmacLength: 16,
  sequence: Term.Requests | Term.SendsOnRequest
})

/** What the packets of one end have. */
export interface AgreedTerms {
  /** 0 for a checksum. */
  readonly hmacLength: number
  readonly isSequenced: boolean
}

/** Whether the one end sends what the other may have requested. */
export const isSent = (sender: number, receiver: number): boolean =>
  (sender & Term.SendsAlways) !== 0 || ((sender & Term.SendsOnRequest) !== 0 && (receiver & Term.Requests) !== 0)

/**
 * What the packets of an end have, by its own terms and those of the other end.
 * @throws ProtocolError `ERR_RTMP_RTMFP_KEYING` if it is to send HMACs of a length that none has.
 */
export function agreedTerms(sender: Terms, receiver: Terms): AgreedTerms {
  const isSequenced = isSent(sender.sequence, receiver.sequence)
  if (!isSent(sender.hmac, receiver.hmac)) return { hmacLength: 0, isSequenced }
  const { hmacLength } = sender
  if (hmacLength < 4 || hmacLength > 32) {
    throw new ProtocolError('ERR_RTMP_RTMFP_KEYING', { layer: 'rtmfp', detail: `HMACs of ${hmacLength} bytes` })
  }
  return { hmacLength, isSequenced }
}
