/** RTWebSocket in a browser: flows of messages, both ways, over a WebSocket. https://github.com/zenomt/rtwebsocket/blob/main/protocol */
const FRAGMENT_BYTES = 1400
const WINDOW_BYTES = 2 ** 24 - 1
const ACK_BYTES = 2800
const ACK_MS = 250

export class Flows {
  #socket
  #sending = []
  #receiving = new Map()
  #bytes = 0

  /** `opened({ id, metadata })` returns what takes the messages of a flow of the peer. */
  constructor(socket, opened) {
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => this.#heard(new Uint8Array(data), opened))
    const timer = setInterval(() => this.#acknowledge(), ACK_MS)
    socket.addEventListener('close', () => clearInterval(timer))
  }

  /** Opens a flow, which may answer one of the peer. */
  open(metadata, returnOf) {
    const id = this.#sending.length
    const flow = { id, room: 65_536, sent: 0, queue: [] }
    this.#sending.push(flow)
    this.#send(returnOf === undefined ? [0x10, ...vlu(id)] : [0x30, ...vlu(id), ...vlu(returnOf)], metadata)
    return {
      /** Bytes that wait for the server to have room. */
      get waiting() {
        return flow.queue.reduce((sum, { data }) => sum + data.length, 0)
      },
      write: message => {
        for (let at = 0; at < message.length; at += FRAGMENT_BYTES) {
          const data = message.subarray(at, at + FRAGMENT_BYTES)
          flow.queue.push({ code: at + FRAGMENT_BYTES < message.length ? 0x3d : 0x1d, data })
        }
        this.#drain(flow)
      }
    }
  }

  #drain(flow) {
    while (flow.queue.length > 0 && flow.sent < flow.room) {
      const { code, data } = flow.queue.shift()
      flow.sent += this.#send([code, ...vlu(flow.id)], data)
    }
  }

  #heard(bytes, opened) {
    let at = 1
    const number = () => {
      let value = 0
      do value = value * 128 + (bytes[at] & 0x7f)
      while (bytes[at++] >= 0x80)
      return value
    }
    const code = bytes[0]
    if (code === 0x01) this.#send([0x41], bytes.subarray(1))
    if (![0x10, 0x30, 0x1d, 0x3d, 0x1a, 0x1c, 0x5a].includes(code)) return
    const id = number()
    const flow = this.#receiving.get(id)
    if (code === 0x10 || code === 0x30) {
      if (code === 0x30) number()
      const metadata = bytes.slice(at)
      this.#receiving.set(id, { take: opened({ id, metadata }), pieces: [], bytes: 0 })
      this.#send([0x5a, ...vlu(id), ...vlu(0), ...vlu(WINDOW_BYTES)])
    } else if (code === 0x1d || code === 0x3d) {
      flow.bytes += bytes.length
      this.#bytes += bytes.length
      flow.pieces.push(bytes.subarray(at))
      if (code === 0x1d) flow.take(joined(flow.pieces.splice(0)))
      if (this.#bytes >= ACK_BYTES) this.#acknowledge()
    } else if (code === 0x1a) flow.pieces.length = 0
    else if (code === 0x1c) {
      this.#acknowledge()
      this.#send([0x5c, ...vlu(id)])
      this.#receiving.delete(id)
    } else {
      const sending = this.#sending[id]
      sending.acknowledged = (sending.acknowledged ?? 0) + number()
      sending.room = sending.acknowledged + number()
      this.#drain(sending)
    }
  }

  #acknowledge() {
    this.#bytes = 0
    for (const [id, flow] of this.#receiving) {
      if (flow.bytes === 0) continue
      this.#send([0x5a, ...vlu(id), ...vlu(flow.bytes), ...vlu(WINDOW_BYTES)])
      flow.bytes = 0
    }
  }

  #send(head, data = []) {
    const message = new Uint8Array(head.length + data.length)
    message.set(head)
    message.set(data, head.length)
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message)
    return message.length
  }
}

/** Base 128, most significant first. */
const vlu = value => (value < 128 ? [value] : [...vlu(Math.floor(value / 128)).map(each => each | 0x80), value % 128])

function joined(pieces) {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
