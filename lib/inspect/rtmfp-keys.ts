import type { PacketProtection } from '../rtmfp/index.ts'

/** What opens the packets of a session. */
export interface RtmfpSessionKeys {
  /** Its number in the file. */
  readonly session: number
  readonly initiator: RtmfpEndKeys
  readonly responder: RtmfpEndKeys
}

export interface RtmfpEndKeys {
  /** The session id in packets to this end. */
  readonly sessionId: number
  /** Of the packets that this end sends. */
  readonly protection: PacketProtection
}

/** Reads a file of keys: see rtmfpReport. @throws Error, in one sentence, for a session that lacks one, or has one that is not valid. */
export function readRtmfpKeys(text: string): RtmfpSessionKeys[] {
  const sessions = new Map<number, Map<string, string>>()
  let values: Map<string, string> | undefined
  for (const line of text.split(/\r?\n/)) {
    const [name, value = ''] = line.trim().split(/\s+/) as [string, string?]
    if (name === 'session') {
      values = new Map()
      sessions.set(number(value, 'session', sessions.size + 1), values)
    } else values?.set(name, value)
  }
  return Array.from(sessions, ([session, values]) => ({
    session,
    initiator: endOf('initiator', session, values),
    responder: endOf('responder', session, values)
  }))
}

function endOf(end: string, session: number, values: ReadonlyMap<string, string>): RtmfpEndKeys {
  const bytes = (name: string, length: number): Buffer => {
    const digits = values.get(`${end}-${name}`) ?? ''
    if (!/^[0-9a-f]*$/i.test(digits) || digits.length !== 2 * length)
      throw new Error(`keys of session ${session} have no ${end}-${name} of ${length} bytes`)
    return Buffer.from(digits, 'hex')
  }
  const whole = (name: string) => number(values.get(`${end}-${name}`) ?? '', `${end}-${name}`, session)
  const hmacLength = whole('hmac-length')
  if (hmacLength > 32 || (hmacLength > 0 && hmacLength < 4))
    throw new Error(`keys of session ${session} have an invalid ${end}-hmac-length`)
  return {
    sessionId: bytes('session-id', 4).readUInt32BE(),
    protection: {
      key: bytes('key', 32),
      hmacKey: hmacLength === 0 ? Buffer.alloc(0) : bytes('hmac-key', 32),
      hmacLength,
      isSequenced: whole('sseq') !== 0
    }
  }
}

function number(digits: string, name: string, session: number): number {
  if (!/^\d{1,9}$/.test(digits)) throw new Error(`keys of session ${session} have no number ${name}`)
  return Number(digits)
}
