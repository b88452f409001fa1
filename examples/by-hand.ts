/**
 * A live relay out of bare stages, nothing hidden. This example shows how to:
 *  1. wire a socket, stage by stage, into a loop that ends where it began;
 *  2. answer commands in a stage of one's own;
 *  3. hand media from one connection to many, with a gate before each player, so that none can hold up the others.
 *
 *   node examples/by-hand.ts 1935
 *   ffmpeg -re -i film.mp4 -c copy -f flv rtmp://127.0.0.1/live/film
 *   ffplay rtmp://127.0.0.1/live/film
 */
import net from 'node:net'
import { pipeline, type Writable } from 'node:stream'
import {
  amfCommandParser,
  amfCommandSerializer,
  type Command,
  chunkDecoder,
  chunkEncoder,
  commandMessage,
  dataMessage,
  handshakeStream,
  isAudio,
  isCommand,
  isDataType,
  isVideo,
  type KeyframeGate,
  keyframeGate,
  MediaState,
  type Message,
  messageAssembler,
  messageChunker,
  onStatus,
  result,
  Stage,
  setChunkSize,
  unwrapped,
  userControlMessage,
  windowAcknowledgementSize
} from 'rtmpipe'

type Live = { state: MediaState; gates: Set<KeyframeGate> }
const lives = new Map<string, Live>()

function liveNamed(name: unknown): Live {
  const live = lives.get(`${name}`) ?? { state: new MediaState(), gates: new Set() }
  lives.set(`${name}`, live)
  return live
}

/** Every connection has one message stream, 1, whether it publishes or plays. */
class Session extends Stage<Message | Command, Message | Command> {
  #publishing: Live | undefined
  #playing: { live: Live; gate: KeyframeGate } | undefined
  readonly #out: Writable

  constructor(out: Writable) {
    super()
    this.#out = out
  }

  protected override turn(item: Message | Command) {
    if (isCommand(item)) this.#answer(item)
    else if (isAudio(item) || isVideo(item) || isDataType(item.type)) this.#relay(unwrapped(item))
  }

  protected override last() {
    this.#unpublish()
    this.#playing?.live.gates.delete(this.#playing.gate)
    this.#playing?.gate.destroy()
  }

  #answer(command: Command) {
    switch (command.name) {
      case 'connect':
        this.push(windowAcknowledgementSize(2_500_000))
        this.push(setChunkSize(4096))
        return this.push(result(command, { fmsVer: 'FMS/3,0,1,123', capabilities: 31 }, connected))
      case 'createStream':
        return this.push(result(command, null, 1))
      case 'publish':
        this.#publishing = liveNamed(command.args[1])
        return this.push(onStatus(1, 'NetStream.Publish.Start', 'go on'))
      case 'play':
        this.push(userControlMessage({ kind: 'StreamBegin', messageStreamId: 1 }))
        this.push(onStatus(1, 'NetStream.Play.Start', 'here it comes'))
        return this.#play(liveNamed(command.args[1]))
      case 'FCUnpublish':
      case 'deleteStream':
        return this.#unpublish()
      default:
        if (command.transactionId > 0) this.push(result(command, null))
    }
  }

  #play(live: Live) {
    const gate = keyframeGate()
    this.#playing = { live, gate }
    live.gates.add(gate)
    for (const message of live.state.messages()) gate.write(message)
    gate.pipe(this.#out, { end: false })
  }

  #relay(message: Message) {
    this.#publishing?.state.note(message)
    for (const gate of this.#publishing?.gates ?? []) gate.write(message)
  }

  #unpublish() {
    for (const gate of this.#publishing?.gates ?? []) {
      // GStreamer's rtmp2src loses what it holds when StreamEof comes: let that be this, and not the last frame
      gate.write(
        dataMessage(['onPlayStatus', { level: 'status', code: 'NetStream.Play.Complete' }], { messageStreamId: 1 })
      )
      gate.write(commandMessage(onStatus(1, 'NetStream.Play.UnpublishNotify', 'the publisher has gone')))
      gate.write(userControlMessage({ kind: 'StreamEof', messageStreamId: 1 }))
    }
    this.#publishing = undefined
  }
}

const connected = { level: 'status', code: 'NetConnection.Connect.Success', description: 'welcome', objectEncoding: 0 }

const server = net.createServer(socket => {
  const plain = handshakeStream(socket)
  const out = amfCommandSerializer()
  pipeline(
    [
      plain,
      chunkDecoder(),
      messageAssembler(),
      amfCommandParser(),
      new Session(out),
      out,
      messageChunker(),
      chunkEncoder(),
      plain
    ],
    error => console.log(`${socket.remotePort} has gone${error ? `: ${error.message}` : ''}`)
  )
})
server.listen(Number(process.argv[2] ?? 1935), '127.0.0.1', () => console.log('listening', server.address()))
