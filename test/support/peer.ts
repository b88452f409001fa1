import { type Duplex, duplexPair, pipeline } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import {
  type AmfValue,
  type ClientSession,
  type ClientSessionOptions,
  clientSession,
  commandMessage,
  createCommand,
  isCommandType,
  isDataType,
  type Message,
  type MessageWireOptions,
  messageWire,
  type NetConnection,
  type ObjectEncoding,
  propertiesOf,
  readCommand,
  readData,
  readUserControlEvent,
  type ServerSession,
  type ServerSessionOptions,
  serverSession
} from 'rtmpipe'
import { TestClock } from './clock.ts'
import { word } from './media.ts'

/** One side of a connection, by hand, with a session of ours on the other; it writes down what it hears, a line each. */
class ByHand<Session extends NetConnection> {
  readonly wire: Duplex
  /** The session's own. */
  readonly near: Duplex
  readonly session: Session
  /** What ended the session's loop; undefined while it goes on. */
  ended: { error: Error | undefined } | undefined
  readonly #heard: string[] = []

  constructor(session: Session, role: 'server' | 'client', options: MessageWireOptions) {
    this.session = session
    const [near, far] = duplexPair() as [Duplex, Duplex]
    const wire = messageWire(near, { ...options, role: role === 'server' ? 'client' : 'server' })
    this.near = wire
    pipeline([wire, session, wire], error => {
      this.ended = { error: error ?? undefined }
    })
    // its timers are not the session's: Node 24 tells one end of a pair that the other was destroyed, and the wire lingers then
    this.wire = messageWire(far, { ...options, clock: new TestClock(), role })
    this.wire.on('data', message => this.#heard.push(line(message)))
    this.wire.on('end', () => this.#heard.push('end'))
    this.wire.on('error', () => {})
  }

  /** Writes a command, and gives what is heard until nothing more is. */
  async asks(
    name: string,
    transactionId: number,
    args: readonly AmfValue[] = [],
    messageStreamId = 0,
    encoding: ObjectEncoding = 0
  ): Promise<string[]> {
    this.wire.write(commandMessage(createCommand(name, transactionId, args, { messageStreamId, encoding })))
    return this.hears()
  }

  async sends(...messages: Message[]): Promise<string[]> {
    for (const message of messages) this.wire.write(message)
    return this.hears()
  }

  /** What was heard since the last time. */
  async hears(): Promise<string[]> {
    for (let i = 0; i < 8; i++) await turnOfTheLoop()
    return this.#heard.splice(0)
  }
}

/** A client by hand, with a server's session on the other side. */
export class Peer extends ByHand<ServerSession> {
  constructor(given: ServerSessionOptions = {}, prepare: (session: ServerSession) => void = () => {}) {
    const options = { clock: new TestClock(), ...given }
    const session = serverSession(options)
    prepare(session)
    super(session, 'client', options)
  }

  /** Connects, and creates message stream 1. */
  async begins(info: AmfValue = { app: 'live', tcUrl: 'rtmp://127.0.0.1/live' }): Promise<this> {
    await this.asks('connect', 1, [info])
    await this.asks('createStream', 2, [null])
    return this
  }
}

/** A server by hand, with a client's session on the other side. */
export class ServerPeer extends ByHand<ClientSession> {
  readonly clock: TestClock

  constructor(given: ClientSessionOptions = {}) {
    const clock = new TestClock()
    const options = { clock, ...given }
    super(clientSession(options), 'server', options)
    this.clock = clock
  }

  /** Answers a command, and gives what is heard then. */
  answers(transactionId: number, ...args: AmfValue[]): Promise<string[]> {
    return this.asks('_result', transactionId, args)
  }

  /** Says a status on a message stream. */
  says(code: string, messageStreamId = 1, level = 'status', description = ''): Promise<string[]> {
    return this.asks('onStatus', 0, [null, { level, code, description }], messageStreamId)
  }

  /** Grants the connect. */
  async begins(): Promise<this> {
    const connected = this.session.connect({ app: 'live' })
    await this.hears()
    await this.answers(1, {}, { level: 'status', code: 'NetConnection.Connect.Success' })
    await connected
    return this
  }
}

/** A message in a line. */
export function line(message: Message): string {
  const at = message.messageStreamId === 0 ? '' : `#${message.messageStreamId} `
  if (isCommandType(message.type)) {
    const { name, transactionId, args, encoding } = readCommand(message)
    return `${at}${encoding === 3 ? 'amf3 ' : ''}${name} ${transactionId} ${args.map(short).join(' ')}`.trim()
  }
  if (message.type === 4) {
    const { kind, ...rest } = readUserControlEvent(message.payload)
    return `${kind} ${Object.values(rest).join(' ')}`
  }
  if (isDataType(message.type)) return `${at}${readData(message).map(short).join(' ')}`
  return `${at}${word(message)}`
}

/** An information object by its code, anything else by itself. */
function short(value: AmfValue): string {
  const properties = propertiesOf(value)
  if (value instanceof Uint8Array) return `<${Buffer.from(value).toString('hex')}>`
  if (properties === undefined) return `${String(value)}`
  return String(properties.code ?? '{}')
}
