import { type Message, MessageTypeId } from 'rtmpipe'
import { Identity } from '../../lib/rtmfp/crypto/identity.ts'
import { PacketOpener } from '../../lib/rtmfp/crypto/packet-opener.ts'
import { defaultProtection, type PacketProtection } from '../../lib/rtmfp/crypto/packet-protection.ts'
import { PacketSealer } from '../../lib/rtmfp/crypto/packet-sealer.ts'
import { Term } from '../../lib/rtmfp/crypto/terms.ts'
import { type OutDatagram, type Place, sealDatagram } from '../../lib/rtmfp/session/datagrams.ts'
import { type EndpointOptions, RtmfpEndpoint } from '../../lib/rtmfp/session/endpoint.ts'
import type { Session } from '../../lib/rtmfp/session/session.ts'
import type { RtmfpChunk } from '../../lib/rtmfp/wire/chunk.ts'
import { flowOptions } from '../../lib/rtmfp/wire/flow-options.ts'
import { readPacket, writePacket } from '../../lib/rtmfp/wire/packet.ts'
import { readSessionId, SESSION_ID_LENGTH } from '../../lib/rtmfp/wire/session-id.ts'
import { Messages } from '../support/rtmfp-messages.ts'
import { Network, place } from '../support/rtmfp-network.ts'
import type { Dice, Outcome } from './fuzzer.ts'
import { type Chance, packetMutations } from './rtmfp-fuzzer.ts'

/** Choices that bytes stand for, two bytes each; behind their end it is always the first. */
class Script implements Chance {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isOver(): boolean {
    return this.#at + 2 > this.#bytes.length
  }

  below(sides: number): number {
    if (this.isOver) return 0
    const choice = this.#bytes.readUInt16BE(this.#at)
    this.#at += 2
    return choice % sides
  }

  of<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!
  }
}

/** What a guest does, and what becomes of its packets: choices that `driveCore` takes one after another. */
export const coreScript = (dice: Dice): Buffer =>
  Buffer.from(Array.from({ length: 60 + dice.below(1200) }, () => dice.below(256)))

const URI = { ancillaryData: Buffer.from('rtmfp://server/live') }
const [serverAt, innocentAt, guestAt, strangerAt, freshAt] = [1, 2, 3, 4, 5].map(i => place(`192.0.2.${i}`)) as [
  Place,
  Place,
  Place,
  Place,
  Place
]
const { Audio, Video, CommandAmf0, UserControl } = MessageTypeId
/** As live video is sent. */
const lateVideo = { startWithinMs: 500, finishWithinMs: 800, isDependent: true }
const limits = {
  messageBytes: 4096,
  rtmfpFlowBytes: 2048,
  rtmfpGaps: 4,
  rtmfpFlows: 3,
  rtmfpSessionBytes: 4096,
  rtmfpFragmentedPackets: 3,
  rtmfpFragmentedBytes: 2000,
  rtmfpSessions: 6,
  rtmfpAgreementsPerSecond: 10
}
/** What a session may hold: what it is allowed, and the rest of a message, in fragments of which some are small. */
const MOST_HELD = limits.rtmfpSessionBytes + 2 * limits.messageBytes + 64 * 128
/** Datagrams that one may cause: a burst of data, the answers that wait, acknowledgements. */
const MOST_ANSWERS = 64

const server = new Identity({ groups: [2], acceptsAncillaryData: true })
const [innocent, guest, fresh] = [1, 2, 3].map(() => new Identity({ groups: [2], isStatic: true })) as [
  Identity,
  Identity,
  Identity
]
const terms = [
  { hmac: Term.Requests | Term.SendsOnRequest, hmacLength: 16, sequence: Term.Requests | Term.SendsOnRequest },
  { hmac: 0, hmacLength: 0, sequence: Term.SendsOnRequest },
  { hmac: 0, hmacLength: 0, sequence: 0 }
]

const bytes = (length: number) => Buffer.alloc(length, 7)
const address = { ...strangerAt, origin: 2 }
const metadata = Buffer.from('54430401', 'hex')
/** One chunk of each kind, from which others are made. */
const models: readonly RtmfpChunk[] = [
  { kind: 'IHello', endpointDiscriminator: Buffer.of(2, 0x0a, 0x2f), tag: bytes(16) },
  { kind: 'RHello', tagEcho: bytes(16), cookie: bytes(64), certificate: server.certificate.bytes },
  { kind: 'Redirect', tagEcho: bytes(16), destinations: [address] },
  { kind: 'CookieChange', oldCookie: bytes(64), newCookie: bytes(64) },
  {
    kind: 'IIKeying',
    initiatorSessionId: 9,
    cookieEcho: bytes(64),
    certificate: guest.certificate.bytes,
    keyComponent: bytes(70),
    signature: bytes(1)
  },
  { kind: 'RIKeying', responderSessionId: 9, keyComponent: bytes(140), signature: bytes(1) },
  { kind: 'FIHello', endpointDiscriminator: Buffer.of(2, 0x0a, 0x2f), replyAddress: address, tag: bytes(16) },
  { kind: 'PacketFragment', more: true, packetId: 1, fragmentNumber: 0, data: bytes(300) },
  { kind: 'Ping', message: bytes(40) },
  { kind: 'PingReply', message: Buffer.concat([Buffer.from('M'), bytes(40)]) },
  { kind: 'Close' },
  { kind: 'CloseAck' },
  { kind: 'BufferProbe', flowId: 1 },
  { kind: 'FlowException', flowId: 1, exceptionCode: 0 },
  { kind: 'RangeAck', flowId: 1, bufferBlocksAvailable: 64, cumulativeAck: 1, received: [[3, 4]] },
  { kind: 'BitmapAck', flowId: 1, bufferBlocksAvailable: 0, cumulativeAck: 3, received: [[5, 9]] },
  { kind: 'Unknown', type: 0xec, payload: bytes(3) },
  ...[metadata, Buffer.from('http://other'), bytes(600)].map(
    (each, i): RtmfpChunk => ({
      kind: i === 1 ? 'NextUserData' : 'UserData',
      flowId: 3 + i,
      sequenceNumber: 1 + i,
      forwardSequenceNumber: 0,
      fragmentControl: 'begin',
      abandon: false,
      final: false,
      options: flowOptions({ metadata: each, returnFlowId: 1 }),
      data: bytes(500)
    })
  )
]

const numbers = [0, 1, 2, 5, 17, 2 ** 32 - 1, 2 ** 40, 2 ** 53 - 1]

/** A field of a chunk, changed. */
function altered(name: string, value: unknown, chance: Chance): unknown {
  if (typeof value === 'number') return chance.of([...numbers, value + 1, Math.max(0, value - 1)])
  if (typeof value === 'boolean') return !value
  if (Buffer.isBuffer(value)) {
    const cut = value.subarray(0, chance.below(value.length + 1))
    const changed = Buffer.from(value)
    if (changed.length > 0) changed[chance.below(changed.length)] = chance.below(256)
    return chance.of([
      cut,
      changed,
      bytes(0),
      Buffer.concat([value, value]),
      Buffer.concat([value, bytes(chance.of([300, 9000, 65_300]))])
    ])
  }
  if (name === 'received') {
    // ranges go up: further ones begin behind the last
    const [, last] = (value as [number, number][]).at(-1) ?? [0, 2 ** 41]
    const further = Array.from({ length: chance.of([1, 20, 9000]) }, (_, i) => [last + 2 + 2 * i, last + 2 + 2 * i])
    return [...(value as []), ...further]
  }
  if (Array.isArray(value)) return chance.of([[], [...value, ...value], Array(200).fill(value[0] ?? address)])
  return chance.of(['whole', 'begin', 'middle', 'end'])
}

function alteredChunk(chunk: RtmfpChunk, chance: Chance): RtmfpChunk {
  const copy: Record<string, unknown> = { ...chunk }
  const names = Object.keys(copy).filter(name => name !== 'kind')
  for (let count = names.length === 0 ? 0 : chance.below(4); count > 0; count--) {
    const name = chance.of(names)
    copy[name] = altered(name, copy[name], chance)
  }
  return copy as unknown as RtmfpChunk
}

/** A packet that was opened on its way, and how it is closed again. */
interface Opened {
  readonly plain: Buffer
  readonly protection: PacketProtection
  readonly sequence: number
  readonly id: number
}

/** An endpoint whose answers are looked at. */
class Guarded extends RtmfpEndpoint {
  readonly sessions: Session[] = []
  readonly messages = new Map<Session, Messages>()
  readonly closed = new Set<Session>()
  /** What it has read of each peer, by fingerprint. */
  readonly read = new Map<string, Message[]>()
  /** Sessions that are not read. */
  readonly paused = new Set<Session>()
  #out: OutDatagram[] = []

  constructor(role: 'client' | 'server', options: EndpointOptions) {
    super({
      limits,
      ...options,
      opened: session => {
        this.sessions.push(session)
        const messages = new Messages(session, { role, limits, readable: () => this.take(session) })
        this.messages.set(session, messages)
        return messages.flows
      },
      closed: session => void this.closed.add(session)
    })
  }

  take(session: Session): void {
    const messages = this.messages.get(session)
    if (messages === undefined || this.paused.has(session)) return
    const name = session.certificate.fingerprint.toString('hex')
    const read = this.read.get(name) ?? []
    this.read.set(name, read)
    for (let message = messages.read(); message; message = messages.read())
      read.push({ ...message, payload: Buffer.from(message.payload) })
  }

  override input(datagram: Buffer, from: Place, now: number): void {
    this.#out.push(...super.output(now))
    const opened = this.sessions.length
    super.input(datagram, from, now)
    const answers = [...super.output(now)]
    this.#out.push(...answers)
    if (answers.length > MOST_ANSWERS) throw new Error(`${answers.length} answers to one datagram`)
    const length = answers.reduce((sum, answer) => sum + answer.bytes.length, 0)
    const isStranger = readSessionId(datagram) === 0 && this.sessions.length === opened
    if (isStranger && length > 3 * datagram.length) throw new Error(`${datagram.length} bytes have ${length} in answer`)
    this.#bounded()
  }

  override *output(now: number): Generator<OutDatagram, void> {
    yield* this.#out.splice(0)
    yield* super.output(now)
  }

  #bounded(): void {
    if (this.size > limits.rtmfpSessions + 1) throw new Error(`${this.size} sessions`)
    for (const { flows } of this.messages.values()) {
      if (flows.sizes.receiving > limits.rtmfpFlows) throw new Error(`${flows.sizes.receiving} flows`)
      if (flows.heldBytes > MOST_HELD) throw new Error(`${flows.heldBytes} bytes held`)
      if (flows.congestion.bytesInFlight < 0 || flows.queuedBytes < 0) throw new Error('less than nothing')
    }
  }

  get isAtRest(): boolean {
    return (
      this.size === 0 && this.nextTimeout() === Number.POSITIVE_INFINITY && this.closed.size === this.sessions.length
    )
  }
}

/** A network in which somebody sits between guest and server, with the keys of both. */
class TamperedNetwork extends Network {
  isTampering = false
  readonly #chance: Chance
  readonly #guest: Guarded
  /** What came by: chunks by kind, and whole datagrams. */
  readonly #seen = new Map<string, RtmfpChunk>()
  readonly #packets: Buffer[] = []
  readonly #datagrams: OutDatagram[] = []

  constructor(chance: Chance, guest: Guarded) {
    super()
    this.#chance = chance
    this.#guest = guest
  }

  override send(datagram: OutDatagram, from: Place): void {
    this.sent.length = 0
    // to wherever the guest has been seen
    const to = datagram.to.address === guestAt.address ? guestAt : datagram.to
    const isOfGuest = from === guestAt || to === guestAt
    if (!this.isTampering || !isOfGuest) super.send({ ...datagram, to }, from)
    else this.#tamper({ ...datagram, to }, from)
  }

  /** Of a stranger, or of anybody in the place of the guest: what never was. */
  inject(): void {
    const chance = this.#chance
    const chunk = alteredChunk(chance.of([...models, ...this.#seen.values()]), chance)
    const from = chance.of([strangerAt, guestAt, place(guestAt.address, 1 + chance.below(9))])
    const session = this.#guest.sessions.at(-1)
    const id = chance.of([0, 0, 0, session?.farId ?? 0, session?.nearId ?? 0])
    const to = chance.of([serverAt, serverAt, guestAt])
    const garbage = Buffer.from(Array.from({ length: 1 + chance.below(60) }, () => chance.below(256)))
    const packet = written([chunk]) ?? garbage
    const bytes = chance.below(4) === 0 ? garbage : sealDatagram(new PacketSealer(defaultProtection), packet, id)
    super.send({ bytes, to }, from)
  }

  #tamper(datagram: OutDatagram, from: Place): void {
    const chance = this.#chance
    const opened = this.#open(datagram.bytes, datagram.to === serverAt)
    if (this.#datagrams.length < 50) this.#datagrams.push(datagram)
    const whole = () => super.send(datagram, from)
    const choice = chance.below(16)
    if (choice < 6) whole()
    else if (choice === 6) {
      whole()
      whole()
    } else if (choice === 7) super.send({ bytes: datagram.bytes.subarray(0, chance.below(80)), to: datagram.to }, from)
    else if (choice === 8) super.send({ bytes: datagram.bytes, to: from }, datagram.to)
    else if (choice === 9) super.send(datagram, place(from.address, 1 + chance.below(9)))
    else if (choice === 10) {
      whole()
      super.send(chance.of(this.#datagrams), chance.of([from, strangerAt]))
    } else if (choice > 11 && opened !== undefined) {
      super.send({ bytes: this.#changed(opened), to: datagram.to }, from)
      if (choice > 13) whole()
    }
  }

  #open(datagram: Buffer, isToServer: boolean): Opened | undefined {
    const id = readSessionId(datagram)
    if (id === undefined) return undefined
    const session = this.#guest.sessions.find(each => (isToServer ? each.farId : each.nearId) === id)
    const own = session?.agreement[isToServer ? 'initiator' : 'responder'].protection
    for (const protection of own === undefined ? [defaultProtection] : [own, defaultProtection]) {
      const opener = new PacketOpener(protection)
      const plain = opener.open(datagram.subarray(SESSION_ID_LENGTH))
      if (plain === undefined || (plain[0]! & 3) === 0) continue
      for (const chunk of readPacket(plain).chunks) this.#seen.set(chunk.kind, chunk)
      if (this.#packets.length < 50) this.#packets.push(plain)
      return { plain, protection, sequence: opener.sequence, id }
    }
    return undefined
  }

  #changed({ plain, protection, sequence, id }: Opened): Buffer {
    const chance = this.#chance
    const sealer = new PacketSealer(protection)
    sealer.sequence = chance.below(8) === 0 ? chance.of([0, sequence + 1, sequence + 5000, 2 ** 53 - 1]) : sequence
    const packet =
      chance.below(3) === 0 ? chance.of(packetMutations)(plain, chance, this.#packets) : this.#rebuilt(plain)
    return sealDatagram(sealer, packet.length > 0 ? packet.subarray(0, 65_480) : plain, id)
  }

  /** The packet with chunks that are changed, added or repeated. */
  #rebuilt(plain: Buffer): Buffer {
    const chance = this.#chance
    const { chunks, padding: _, ...header } = readPacket(plain)
    const all = [...chunks]
    for (let count = 1 + chance.below(3); count > 0; count--) {
      const from = chance.of([chunks, models, [...this.#seen.values()]])
      const chunk = alteredChunk(chance.of(from.length > 0 ? from : models), chance)
      all.splice(chance.below(all.length + 1), chance.below(2), ...Array(chance.of([1, 1, 1, 2, 100])).fill(chunk))
    }
    return written(all, header) ?? plain
  }
}

const startup = {
  mode: 3,
  timeCritical: false,
  timeCriticalReverse: false,
  timestamp: 1,
  timestampEcho: undefined
} as const

/** Undefined for chunks that cannot be written. */
function written(chunks: RtmfpChunk[], header: Omit<ReturnType<typeof readPacket>, 'chunks' | 'padding'> = startup) {
  try {
    return writePacket({ ...header, chunks })
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

const message = (messageStreamId: number, type: number, timestamp: number, length = 10): Message => ({
  type,
  messageStreamId,
  timestamp,
  payload: bytes(length)
})

/** Writes where there is a flow to answer. */
function writes(endpoint: Guarded, message: Message, now: number): void {
  const session = endpoint.sessions.at(-1)
  const messages = session && endpoint.messages.get(session)
  if (messages === undefined || session?.state !== 'open') return
  try {
    messages.put(message, now, message.type === Video ? lateVideo : {})
  } catch (error) {
    if (!(error instanceof RangeError && /before the peer has a control flow/.test(error.message))) throw error
  }
}

/** Drives a server, an innocent client of it and one whose packets are tampered with by a script, on a clock of their own. */
export function driveCore(script: Buffer): Outcome {
  try {
    return { code: conversation(new Script(script)), broken: undefined }
  } catch (error) {
    return { code: 'broken', broken: (error as Error).stack }
  }
}

function conversation(chance: Script): string {
  const forwardedHellos = chance.of(['ignore', 'answer', 'redirect'] as const)
  const victim = new Guarded('server', { identity: server, introduces: () => chance.below(2) === 0 })
  const near = new Guarded('client', { identity: guest, terms: chance.of(terms), forwardedHellos })
  const witness = new Guarded('client', { identity: innocent, keepaliveMs: 5000 })
  const network = new TamperedNetwork(chance, near)
  network.join(serverAt, victim)
  network.join(innocentAt, witness)
  network.join(guestAt, near)
  witness.open(URI, [serverAt], network.now)
  network.pass(50)
  let told = 0
  const tell = () => {
    writes(witness, message(0, CommandAmf0, ++told, 100), network.now)
    const session = victim.sessions[0]!
    if (told > 1) victim.messages.get(session)!.put(message(0, CommandAmf0, told, 100), network.now)
    network.pass(25)
  }
  tell()
  near.open(URI, [serverAt], network.now)
  if (chance.below(4) > 0) {
    network.pass(100)
    for (const end of [near, victim]) {
      writes(end, message(0, CommandAmf0, 0), network.now)
      network.pass(50)
    }
  }
  network.isTampering = true
  while (!chance.isOver) {
    step(chance, network, near, victim)
    tell()
  }
  network.isTampering = false
  network.pass(2000)
  const heard = (endpoint: Guarded, of: Identity) =>
    (endpoint.read.get(of.certificate.fingerprint.toString('hex')) ?? []).map(({ timestamp }) => timestamp)
  const all = Array.from({ length: told }, (_, i) => i + 1)
  if (`${heard(victim, innocent)}` !== `${all}`) throw new Error(`the server has ${heard(victim, innocent)} of ${told}`)
  if (`${heard(witness, server)}` !== `${all.slice(1)}`) throw new Error(`the witness has ${heard(witness, server)}`)
  if (witness.sessions[0]!.state !== 'open' || witness.sessions.length > 1) throw new Error('the witness is not open')
  const next = new Guarded('client', { identity: fresh })
  network.join(freshAt, next)
  next.open(URI, [serverAt], network.now)
  network.pass(4000)
  if (next.sessions.length !== 1) throw new Error('the server opens no session any more')
  const ends = [victim, near].map(({ sessions }) => sessions.filter(({ state }) => state === 'open').length)
  const reasons = new Set([...victim.sessions, ...near.sessions].map(({ closeReason = '' }) => closeReason))
  for (const endpoint of [near, witness, next, victim]) endpoint.close(network.now)
  network.pass(400_000)
  for (const [i, endpoint] of [near, witness, next, victim].entries())
    if (!endpoint.isAtRest) throw new Error(`endpoint ${i} keeps ${endpoint.size}, until ${endpoint.nextTimeout()}`)
  return `${ends.map(each => Math.min(each, 4))} open ${[...reasons].sort().join(' ')}`
}

/** Something that the guest, or somebody in its place, does. */
function step(chance: Chance, network: TamperedNetwork, near: Guarded, victim: Guarded): void {
  const { now } = network
  const other = victim.sessions.findLast(({ certificate }) =>
    certificate.fingerprint.equals(guest.certificate.fingerprint)
  )
  const choice = chance.below(16)
  const length = chance.of([0, 10, 900, 3500])
  if (choice < 4)
    writes(near, message(chance.of([0, 1, 1, 2]), chance.of([Audio, Video, CommandAmf0]), now, length), now)
  else if (choice < 6 && other !== undefined) {
    if (other === victim.sessions.at(-1)) writes(victim, message(1, chance.of([Audio, Video]), now, length), now)
  } else if (choice === 6) {
    const payload = bytes(10)
    payload.writeUInt16BE(34)
    writes(near, { type: UserControl, messageStreamId: 1, timestamp: 0, payload }, now)
  } else if (choice === 7) {
    const flows = near.messages.get(near.sessions.at(-1)!)?.flows
    const flow = flows?.open({ metadata: chance.of([metadata, bytes(9)]), returnOf: { id: 1 } as never })
    flow?.write(bytes(length), now)
    if (chance.below(2) === 0) flow?.close()
  } else if (choice === 8 && other !== undefined) {
    if (!victim.paused.delete(other)) victim.paused.add(other)
    victim.take(other)
  } else if (choice === 9) {
    if (chance.below(4) === 0) near.sessions.at(-1)?.close(now, chance.below(2) === 0)
    near.open(URI, [serverAt], now)
  } else if (choice < 14) network.inject()
  network.pass(chance.of([0, 0, 1, 15, 30, 250, 1000, 3000, 31_000]))
}
