/** An RTMP connection over RTWebSocket: commands on message stream 0, and one stream that publishes or plays (RFC 7425, 5). */
import { decode, encode } from './amf0.js'
import { Flows } from './flows.js'

export const AUDIO = 8
export const VIDEO = 9
const COMMAND = 20
/** "TC", and the number of the message stream. */
const metadataOf = streamId => [0x54, 0x43, 0x04, streamId]

export class Connection {
  #flows
  #sending = new Map()
  /** The first flow of the server, which all but our first answer. */
  #control
  #answers = new Map()
  #transactionId = 0
  /** Takes what is played: type, timestamp in ms, payload. */
  onmedia = () => {}
  onstatus = () => {}

  /** Connects to the app of a URL, `ws://host/app`. */
  async connect(url) {
    const socket = new WebSocket(url)
    this.#flows = new Flows(socket, ({ id }) => {
      this.#control ??= id
      return message => this.#heard(message)
    })
    await new Promise((resolve, reject) => {
      socket.onopen = resolve
      socket.onerror = () => reject(new Error(`no WebSocket at ${url}`))
    })
    await this.#ask('connect', { app: new URL(url).pathname.slice(1), tcUrl: url, objectEncoding: 0 })
  }

  /** Asks for a message stream; its number. */
  createStream() {
    return this.#ask('createStream', null)
  }

  publish(streamId, name) {
    this.send(streamId, COMMAND, 0, encode('publish', 0, null, name))
  }

  play(streamId, name) {
    this.send(streamId, COMMAND, 0, encode('play', 0, null, name))
  }

  /** Audio and video have flows of their own. Bytes that wait ahead of the next message of this type. */
  send(streamId, type, timestamp, payload) {
    const name = `${streamId} ${type}`
    if (!this.#sending.has(name)) this.#sending.set(name, this.#flows.open(metadataOf(streamId), this.#control))
    const message = new Uint8Array(5 + payload.length)
    message[0] = type
    new DataView(message.buffer).setUint32(1, timestamp)
    message.set(payload, 5)
    const flow = this.#sending.get(name)
    flow.write(message)
    return flow.waiting
  }

  #ask(name, ...args) {
    const id = ++this.#transactionId
    this.send(0, COMMAND, 0, encode(name, id, ...args))
    return new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }))
  }

  #heard(message) {
    const type = message[0]
    const timestamp = new DataView(message.buffer, message.byteOffset).getUint32(1)
    const payload = message.subarray(5)
    if (type === AUDIO || type === VIDEO) this.onmedia(type, timestamp, payload)
    if (type !== COMMAND) return
    const [name, id, , value] = decode(payload)
    if (name === '_result') this.#answers.get(id)?.resolve(value)
    else if (name === '_error') this.#answers.get(id)?.reject(new Error(value?.description))
    else if (name === 'onStatus') this.onstatus(value)
  }
}
