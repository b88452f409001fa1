import type { AgreedEnd } from '../crypto/key-agreement.ts'
import type { SessionStart } from './session-start.ts'

/** The lines of one session in a key file, as `rtmpipe inspect --rtmfp-keys` reads them. Anyone who has them can decrypt its packets. */
export function* keyLines(number: number, start: SessionStart): Generator<string, void> {
  const { role, nearId, farId, cookie, agreement } = start
  const [initiatorId, responderId] = role === 'initiator' ? [nearId, farId] : [farId, nearId]
  const { initiator, responder } = agreement
  yield `session ${number}`
  yield `initiator-session-id ${word(initiatorId)}`
  yield `responder-session-id ${word(responderId)}`
  yield `dh-group ${agreement.group}`
  yield `dh-secret ${hex(agreement.secret)}`
  yield `initiator-key ${hex(initiator.protection.key)}`
  yield `responder-key ${hex(responder.protection.key)}`
  yield* hmacLines('initiator', initiator)
  yield* hmacLines('responder', responder)
  yield `initiator-sseq ${sequenced(initiator)}`
  yield `responder-sseq ${sequenced(responder)}`
  yield `initiator-nonce ${hex(initiator.nonce)}`
  yield `responder-nonce ${hex(responder.nonce)}`
  yield `cookie ${hex(cookie)}`
  yield `skic ${hex(agreement.skic)}`
  yield `skrc ${hex(agreement.skrc)}`
}

function* hmacLines(name: string, { protection: { hmacKey, hmacLength } }: AgreedEnd): Generator<string, void> {
  yield `${name}-hmac-key ${hex(hmacKey)}`
  yield `${name}-hmac-length ${hmacLength}`
}

const hex = (bytes: Buffer): string => bytes.toString('hex')
const word = (id: number): string => id.toString(16).padStart(8, '0')
const sequenced = ({ protection }: AgreedEnd): 0 | 1 => (protection.isSequenced ? 1 : 0)
