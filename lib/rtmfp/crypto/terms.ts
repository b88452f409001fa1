import { ProtocolError } from '../../errors.ts'

/** The bits by which an end negotiates HMACs and session sequence numbers; any combination (RFC 7425, 4.5.2.4, 4.5.2.5). */
export const Term = {
  /** It requests them from the other end. */
  Requests: 1,
  /** It sends them if the other end requests them. */
  SendsOnRequest: 2,
  /** It always sends them. */
  SendsAlways: 4
} as const

/** The terms of one end. */
export interface Terms {
  /** Bits of Term, for HMACs. */
  readonly hmac: number
  /** Bytes of the HMACs that it sends, 4 to 32; 0 only if it never sends any. */
  readonly hmacLength: number
  /** Bits of Term, for session sequence numbers. */
  readonly sequence: number
}

/** What an end requires of a session. */
export interface AgreementOptions {
  readonly terms: Terms
  /** Whether a session without HMACs or session sequence numbers from the peer is refused. */
  readonly isStrict?: boolean
}

/**
 * Requests both, and sends both on request. Always sending them would break programs that support neither, such as MonaServer; for those that
 * do, such as rtmfp-cpp's, there is no difference.
 */
export const defaultTerms: Terms = Object.freeze({
  hmac: Term.Requests | Term.SendsOnRequest,
  hmacLength: 16,
  sequence: Term.Requests | Term.SendsOnRequest
})

/** The negotiated protection of the packets of one end. */
export interface AgreedTerms {
  /** 0 for a simple checksum. */
  readonly hmacLength: number
  readonly isSequenced: boolean
}

/** Whether an end sends a feature, by its own bits and those of the other end. */
export const isSent = (sender: number, receiver: number): boolean =>
  (sender & Term.SendsAlways) !== 0 || ((sender & Term.SendsOnRequest) !== 0 && (receiver & Term.Requests) !== 0)

/**
 * The protection of the packets of an end, by its own terms and those of the other end.
 * @throws ProtocolError `ERR_RTMP_RTMFP_KEYING` if it would send HMACs of an invalid length.
 */
export function agreedTerms(sender: Terms, receiver: Terms): AgreedTerms {
  const isSequenced = isSent(sender.sequence, receiver.sequence)
  if (!isSent(sender.hmac, receiver.hmac)) return { hmacLength: 0, isSequenced }
  const { hmacLength } = sender
  if (hmacLength < 4 || hmacLength > 32) {
    throw new ProtocolError('ERR_RTMP_RTMFP_KEYING', { layer: 'rtmfp', detail: `HMAC length ${hmacLength} is invalid` })
  }
  return { hmacLength, isSequenced }
}
