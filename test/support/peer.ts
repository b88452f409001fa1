import { type Duplex, duplexPair, pipeline } from 'node:stream'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import {
  type AmfValue,
  command,
  commandMessage,
  isCommandType,
  isDataType,
  type Message,
  messageWire,
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

/** A peer that speaks by hand to a session of ours, and writes down what it hears, a line each. */
export class Peer {
  readonly wire: Duplex
  readonly session: ServerSession
  /** What ended the session's loop; undefined while it goes on. */
  ended: { error: Error | undefined } | undefined
  readonly #heard: string[] = []

  constructor(given: ServerSessionOptions = {}, prepare: (session: ServerSession) => void = () => {}) {
    const options = { clock: new TestClock(), ...given }
    const [near, far] = duplexPair() as [Duplex, Duplex]
    this.session = serverSession(options)
    prepare(this.session)
    const wire = messageWire(near, options)
    pipeline([wire, this.session, wire], error => {
      this.ended = { error: error ?? undefined }
    })
    this.wire = messageWire(far, { ...options, role: 'client' })
    this.wire.on('data', message => this.#heard.push(line(message)))
    this.wire.on('end', () => this.#heard.push('end'))
    this.wire.on('error', () => {})
  }

  /** Writes a command, and gives what is heard until nothing more is. */
  async asks(
    name: string,
    transactionId: number,
    args: readonly AmfValue[] = [],
    messageStreamId = 0
  ): Promise<string[]> {
    this.wire.write(commandMessage(command(name, transactionId, args, { messageStreamId })))
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

  /** Connects, and creates message stream 1. */
  async begins(info: AmfValue = { app: 'live', tcUrl: 'rtmp://127.0.0.1/live' }): Promise<this> {
    await this.asks('connect', 1, [info])
    await this.asks('createStream', 2, [null])
    return this
  }
}

/** A message in a line. */
function line(message: Message): string {
  const at = message.messageStreamId === 0 ? '' : `#${message.messageStreamId} `
  if (isCommandType(message.type)) {
    const { name, transactionId, args } = readCommand(message)
    return `${at}${name} ${transactionId} ${args.map(short).join(' ')}`.trim()
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
  if (properties === undefined) return `${String(value)}`
  return String(properties.code ?? '{}')
}
